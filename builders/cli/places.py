"""Where a release is: a folder, or a repo of the Hub at a revision."""

import argparse
from pathlib import Path

from ...schemas.errors import UsageError
from ..sources.hub import HUB_ID, download


def add_place(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Adds the argument that names a release, and `--json`."""
    count = "?" if optional else None
    parser.add_argument(
        "place", metavar="DIR_OR_REPO[@REV]", nargs=count, help="a release folder, or ORG/NAME@TAG on the Hub"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def local_folder(place: str | None) -> Path:
    """The folder of a release; one on the Hub is downloaded to the Hub client's cache.

    Raises:
        UsageError: nothing is named, or it is neither a folder nor a Hub id.
        EndpointError: the Hub cannot be reached.
    """
    if not place:
        raise UsageError("name a release: a folder, or ORG/NAME@TAG on the Hub")
    if Path(place).exists() or not HUB_ID.match(place):
        return Path(place)
    return download(place).folder
