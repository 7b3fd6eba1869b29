"""`ipm-prefdial releases`: the specs there are."""

import argparse
from typing import Any

from ..releases import load_release, locked_specs, versions
from .show import say_json, say_table


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("releases", help="list the specs that can be built")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Lists every spec with its steps and notes."""
    specs = {version: load_release(version) for version in versions()}
    if options.json:
        say_json(
            {version: {"sha256": one.sha256, **one.spec.model_dump(mode="json")} for version, one in specs.items()}
        )
        return 0
    lines = (
        (version, "released" if version in locked_specs() else "draft", ", ".join(one.spec.steps), one.spec.notes)
        for version, one in specs.items()
    )
    say_table("Releases", ("version", "state", "steps", "notes"), lines)
    return 0
