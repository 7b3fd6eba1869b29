"""`ipm-prefdial card DIR`: the views of a release again, from its files."""

import argparse
from pathlib import Path
from typing import Any

from ...schemas.validation import FILE_NAME as VALIDATION
from ..beside import changelog_text
from ..release.changelog import changelog_of
from ..release.diff.run import diff_releases
from ..release.layout import CARD, CHANGELOG
from ..release.read import Release
from ..release.write import check_writable, disk_errors
from ..renewing import renew
from ..sources.hub import HUB_ID
from ..validated import validation_text
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
    parser.add_argument(
        "--validation",
        metavar="FILE",
        type=Path,
        help="the validation.json of `recipe run validate-release` over this release: it goes into it, onto the card",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the views, and the manifest that knows their new digests."""
    release = Release(options.folder)
    check_writable(release.root)
    with disk_errors(options.folder):
        renew(release.root, _texts(release, options), repo=options.repo)
    say(f"wrote {options.folder / CARD}")
    return 0


def _texts(release: Release, options: argparse.Namespace) -> dict[str, str]:
    """What the command brings into the release."""
    texts = {}
    if options.since is not None:
        texts[CHANGELOG] = _changelog(release, Release(local_folder(options.since)))
    if options.validation is not None:
        texts[VALIDATION] = validation_text(release, options.validation)
    return texts


def _changelog(release: Release, earlier: Release) -> str:
    """The changelog of the version before, with an entry for this one on top."""
    told = changelog_text(earlier.root, earlier.manifest)
    return changelog_of(release.manifest, diff_releases(earlier, release), told)


def _repo(text: str) -> str:
    if not HUB_ID.match(text) or "@" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a dataset on the Hub: give ORG/NAME")
    return text
