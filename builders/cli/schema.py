"""`ipm-prefdial schema CONFIG`: the columns of a config, as JSON Schema and as `datasets` features."""

import argparse
from typing import Any

from ...schemas.config import Config
from ...schemas.errors import UsageError
from ...schemas.rows import ROWS
from ..finish import card_features
from .show import say_json


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("schema", help="print a config's columns as JSON Schema and as datasets features")
    parser.add_argument("config", metavar="CONFIG", help=", ".join(Config))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints one object with `json_schema` and `features`."""
    if options.config not in tuple(Config):
        raise UsageError(f"there is no config {options.config!r}; there are {', '.join(Config)}")
    config = Config(options.config)
    say_json({"json_schema": ROWS[config].model_json_schema(), "features": card_features()[config]})
    return 0
