"""`ipm-prefdial review crisis` and `review crisis-import`: people read what is held out, and their decisions go in."""

import argparse
from pathlib import Path
from typing import Any

from ...schemas.review import CrisisDecision
from ..release.read import Release
from ..release.write import disk_errors
from ..review.crisis_export import export_crisis
from ..review.crisis_import import ImportedCrisis, import_crisis
from .show import say, say_json, told_interval

_RELEASES_NOTHING = "nothing is released from crisis_holdout by it"


def add_crisis(parts: Any) -> None:
    """Adds both to the verb `review`."""
    parser = parts.add_parser(
        "crisis", help="write a sheet of what was found in crisis_holdout, for people to decide on"
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder")
    parser.add_argument("--out", metavar="SHEET.csv", type=Path, required=True, help="a new file outside the release")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run_export)
    parser = parts.add_parser(
        "crisis-import", help=f"read filled sheets, and store the decisions in the release; {_RELEASES_NOTHING}"
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="the release folder that the sheet was written for")
    parser.add_argument("files", metavar="SHEET.csv", type=Path, nargs="+", help="a filled sheet")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run_import)


def run_export(options: argparse.Namespace) -> int:
    """Writes the sheet."""
    with disk_errors(options.out):
        done = export_crisis(Release(options.folder), options.out)
    if options.json:
        say_json({"out": str(options.out), **done.model_dump()})
        return 0
    say(f"{done.findings} findings in {done.dialogues} dialogues that are held out: {options.out}")
    if done.findings_unread:
        say(
            f"  {done.findings_unread} of them are no signs, but answers of a judge that could not be read; of "
            f"{done.dialogues_unread} dialogues nothing else is known"
        )
    say("  It tells of people in distress: not for publication. Give it to readers who chose to, and who may stop.")
    say(f"  decision   {', '.join(CrisisDecision)}; left empty where somebody does not want to say")
    say("  reader     who decided, the same in every line: a pseudonym, since it is published with the release")
    say("  comment    whatever helps the readers; it is not stored")
    say("  Several readers each fill a copy by themselves. Then: ipm-prefdial review crisis-import DIR SHEET.csv …")
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Stores the decisions."""
    with disk_errors(options.folder):
        done = import_crisis(options.folder, options.files)
    if options.json:
        say_json(done.model_dump(mode="json", exclude={"review": {"read"}}))
        return 0
    _tell(done)
    say(f"stored in {options.folder / 'review.json'}; {_RELEASES_NOTHING}")
    return 0


def _tell(done: ImportedCrisis) -> None:
    given = ", ".join(f"{reader} {number}" for reader, number in done.decisions.items()) or "none"
    replaced = f", {done.replaced} otherwise than before" if done.replaced else ""
    blank = f"; {done.blank} lines without a decision" if done.blank else ""
    say(f"decisions: {given}{replaced}{blank}")
    review = done.review
    say(
        f"so far {review.findings_read} of {review.findings} findings were read, and {review.dialogues_read} of "
        f"{review.dialogues} dialogues whole: "
        + ", ".join(f"{decision} {number}" for decision, number in review.decisions.items())
    )
    if review.findings_unread:
        say(
            f"{review.findings_unread} of the findings are no signs, but answers of a judge that could not be read; of "
            f"{review.dialogues_unread} dialogues nothing else is known"
        )
    if len(review.readers) > 1:
        say(f"agreement among {len(review.readers)} readers (alpha): {told_interval(review.alpha)}")
    for pair in review.pairwise:
        say(f"{' and '.join(pair.readers)} (kappa): {told_interval(pair.kappa)}")
