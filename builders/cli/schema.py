"""`ipm-prefdial schema CONFIG`: the columns of a config, as JSON Schema and as `datasets` features."""

import argparse
from typing import Any

from ...schemas.config import Config
from ...schemas.errors import UsageError
from ...schemas.rows import rows_of
from ..finish import card_features
from ..releases import load_release, versions
from .show import say_json


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("schema", help="print a config's columns as JSON Schema and as datasets features")
    parser.add_argument("config", metavar="CONFIG", help=", ".join(Config))
    parser.add_argument("--release", help="a released version, or a spec of your own; the newest where it is not given")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints one object with `json_schema` and `features`."""
    if options.config not in tuple(Config):
        raise UsageError(f"there is no config {options.config!r}; there are {', '.join(Config)}")
    config = Config(options.config)
    release = options.release or versions()[-1]
    layout = load_release(release).spec.layout
    rows = rows_of(layout)
    if config not in rows:
        raise UsageError(f"release {release} has no config {config}; it has {', '.join(rows)}")
    say_json({"json_schema": rows[config].model_json_schema(), "features": card_features(layout)[config]})
    return 0
