"""Where a release is, a folder or a repo of the Hub at a revision, and where work on it is done."""

import argparse
import os
import sys
from pathlib import Path

from ...schemas.errors import UsageError
from ..release.fetch import local_release
from ..sources.hub import HUB_ID, download


def add_place(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Adds the argument that names a release, and `--json`."""
    count = "?" if optional else None
    parser.add_argument(
        "place", metavar="DIR_OR_REPO[@REV]", nargs=count, help="a release folder, or ORG/NAME@TAG on the Hub"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that says where a release is read and measured."""
    parser.add_argument(
        "--engine",
        metavar="local|ray[:ADDRESS]",
        default="local",
        help="where the work is done: here, or in parts on a Ray cluster (the extra `ray`) whose nodes see the folder",
    )


def local_folder(place: str | None) -> Path:
    """The folder of a release; one on the Hub is downloaded to the Hub client's cache.

    Raises:
        UsageError: nothing is named, or it is neither a folder nor a release on the Hub that one may read.
        EndpointError: the Hub cannot be reached.
    """
    if not place:
        raise UsageError("name a release: a folder, or ORG/NAME@TAG on the Hub")
    quieten_hub()
    return local_release(place)


def dataset_folder(place: str) -> Path:
    """The same for any dataset, release or not: all of it is downloaded.

    Raises:
        SourceError: there is no such dataset that one may read.
        EndpointError: the Hub cannot be reached.
    """
    if Path(place).exists() or not HUB_ID.match(place):
        return Path(place)
    quieten_hub()
    return download(place).folder


def quieten_hub(*, always: bool = False) -> None:
    """The Hub's client draws its bars on a terminal only, and there not either where `always` is said."""
    # Set before the client is imported, which is slow and needed for names on the Hub alone.
    if always or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
