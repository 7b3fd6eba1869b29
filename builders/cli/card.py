"""`ipm-prefdial card DIR`: the views of a release again, from its files."""

import argparse
from pathlib import Path
from typing import Any

from ..beside import changelog_text
from ..release.changelog import changelog_of
from ..release.diff.run import diff_releases
from ..release.layout import CARD, CHANGELOG
from ..release.read import Release
from ..release.write import disk_errors
from ..renewing import renew
from ..sources.hub import HUB_ID
from .places import local_folder
from .show import say


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("card", help="write README.md and the other views again from the files")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder")
    parser.add_argument("--repo", metavar="ORG/NAME", type=_repo, help="where it is to be, for the lines that load it")
    parser.add_argument(
        "--since",
        metavar="DIR_OR_REPO[@REV]",
        help=f"the version before: {CHANGELOG} goes on from there, and tells what differs",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the views, and the manifest that knows their new digests."""
    release = Release(options.folder)
    with disk_errors(options.folder):
        texts = {} if options.since is None else {CHANGELOG: _changelog(release, Release(local_folder(options.since)))}
        renew(release.root, texts, repo=options.repo)
    say(f"wrote {options.folder / CARD}")
    return 0


def _changelog(release: Release, earlier: Release) -> str:
    """The changelog of the version before, with an entry for this one on top."""
    told = changelog_text(earlier.root, earlier.manifest)
    return changelog_of(release.manifest, diff_releases(earlier, release), told)


def _repo(text: str) -> str:
    if not HUB_ID.match(text) or "@" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a dataset on the Hub: give ORG/NAME")
    return text
