"""`ipm-prefdial card DIR`: the views of a release again, from its files."""

import argparse
from pathlib import Path
from typing import Any

from ..finish import write_views
from ..release.layout import CARD
from ..release.read import Release
from ..release.write import disk_errors
from .show import say


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("card", help="write README.md and the other views again from the files")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the views, and the manifest that knows their new digests."""
    release = Release(options.folder)
    with disk_errors(options.folder):
        write_views(options.folder, release.manifest)
    say(f"wrote {options.folder / CARD}")
    return 0
