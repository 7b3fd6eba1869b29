"""`ipm-prefdial review`: blind sheets for people to fill in, and what they say back into the release."""

import argparse
from pathlib import Path
from typing import Any

from ...schemas.config import DEFAULT_CONFIG, PAIR_CONFIGS, Config
from ...schemas.review import CrisisDecision
from ..release.read import Release
from ..release.write import disk_errors
from ..review.crisis import ImportedCrisis, export_crisis, import_crisis
from ..review.forms import SHEETS, export_review
from ..review.importing import Imported, import_review
from ..review.sample import KEY_FILE as KEY
from ..review.sample import Stratify
from .show import format_interval, say, say_json, say_table

# `ipm-prefdial review crisis` and `review crisis-import`: people read what is held out, and their decisions go in.


_RELEASES_NOTHING = "nothing is released from crisis_holdout by it"


# Adds both to the verb `review`.
def _add_crisis(parts: Any) -> None:
    parser = parts.add_parser(
        "crisis", help="write a sheet of what was found in crisis_holdout, for people to decide on"
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder")
    parser.add_argument("--out", metavar="SHEET.csv", type=Path, required=True, help="a new file outside the release")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_crisis_export)
    parser = parts.add_parser(
        "crisis-import", help=f"read filled sheets, and store the decisions in the release; {_RELEASES_NOTHING}"
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="the release folder that the sheet was written for")
    parser.add_argument("files", metavar="SHEET.csv", type=Path, nargs="+", help="a filled sheet")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_crisis_import)


def _run_crisis_export(options: argparse.Namespace) -> int:
    with disk_errors(options.out):
        done = export_crisis(Release(options.folder), options.out)
    if options.json:
        say_json({"out": str(options.out), **done.model_dump()})
        return 0
    say(f"{done.findings} findings in {done.dialogues} dialogues that are held out: {options.out}")
    if done.findings_unread:
        say(
            f"  {done.findings_unread} of them are not signs, but answers of a judge that could not be read; of "
            f"{done.dialogues_unread} dialogues nothing else is known"
        )
    say("  It tells of people in distress: not for publication. Give it to readers who chose to, and who may stop.")
    say(f"  decision   {', '.join(CrisisDecision)}; left empty by a reader who does not want to decide")
    say("  reader     who decided, the same in every line: a pseudonym, since it is published with the release")
    say("  comment    whatever helps the readers; it is not stored")
    say("  Several readers each fill a copy by themselves. Then: ipm-prefdial review crisis-import DIR SHEET.csv …")
    return 0


def _run_crisis_import(options: argparse.Namespace) -> int:
    with disk_errors(options.folder):
        done = import_crisis(options.folder, options.files)
    if options.json:
        say_json(done.model_dump(mode="json", exclude={"review": {"read"}}))
        return 0
    _report_crisis(done)
    say(f"stored in {options.folder / 'review.json'}; {_RELEASES_NOTHING}")
    return 0


def _report_crisis(done: ImportedCrisis) -> None:
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
            f"{review.findings_unread} of the findings are unreadable answers of a judge, not signs; of "
            f"{review.dialogues_unread} dialogues nothing else is known"
        )
    if len(review.readers) > 1:
        say(f"agreement among {len(review.readers)} readers (alpha): {format_interval(review.alpha)}")
    for pair in review.pairwise:
        say(f"{' and '.join(pair.readers)} (kappa): {format_interval(pair.kappa)}")


_SAMPLE = 200


def add_review(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser(
        "review", help="have people label pairs: export blind sheets, import labels and agreement"
    )
    parts = parser.add_subparsers(required=True, metavar="export | import | crisis | crisis-import")
    _add_export(parts.add_parser("export", help="write a blind sample for annotators, and the key to it"))
    _add_import(parts.add_parser("import", help="read filled sheets, and store labels and agreement in the release"))
    _add_crisis(parts)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True, help="a new folder for sheets and key")
    parser.add_argument("--sample", metavar="N", type=_sample, default=_SAMPLE, help=f"pairs to draw ({_SAMPLE})")
    parser.add_argument(
        "--stratify",
        metavar="BY[,BY …]",
        type=_stratify,
        default=(Stratify.STRATEGY, Stratify.ERROR),
        help=f"of {', '.join(Stratify)}, or none (strategy,error)",
    )
    parser.add_argument(
        "--config",
        metavar="CONFIG",
        type=_pair_config,
        default=DEFAULT_CONFIG,
        help=f"whose pairs: {', '.join(PAIR_CONFIGS)} ({DEFAULT_CONFIG})",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="another seed is another sample (0)")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_export)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="the release folder that was sampled")
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="filled .csv, .jsonl or exported .json")
    parser.add_argument("--key", metavar="KEY", type=Path, required=True, help=f"the export's {KEY}")
    parser.add_argument(
        "--annotator",
        metavar="NAME",
        action="append",
        default=[],
        help="who filled the file, to be published: once for each file; the files' names where it is not given",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_import)


def _run_export(options: argparse.Namespace) -> int:
    with disk_errors(options.out):
        done = export_review(
            Release(options.folder),
            options.out,
            config=options.config,
            size=options.sample,
            by=options.stratify,
            seed=options.seed,
        )
    if options.json:
        say_json({"out": str(options.out), **done.model_dump()})
        return 0
    say(f"{done.items} pairs of {done.strata} strata and {done.dialogues} dialogues, blind and shuffled")
    if done.items < options.sample:
        say(f"  (all that there are; {options.sample} were wanted)")
    say(f"  for annotators   {options.out / SHEETS}, as it is")
    say(f"  for you alone    {options.out / KEY}: it says which reply is which; do not pass it on")
    return 0


def _run_import(options: argparse.Namespace) -> int:
    with disk_errors(options.folder):
        done = import_review(options.folder, options.key, options.files, options.annotator)
    if options.json:
        say_json(
            {
                "config": done.config.value,
                "sheets": [one.model_dump() for one in done.sheets],
                **done.review.model_dump(mode="json", exclude={"pairs"}),
            }
        )
        return 0
    _report(done)
    say(f"stored in {options.folder / 'review.json'}, and the card shows it")
    return 0


def _report(done: Imported) -> None:
    for one in done.sheets:
        blank = f", {one.blank} cells not annotated" if one.blank else ""
        missing = f", {one.missing} rows missing" if one.missing else ""
        how = f"replaces earlier labels of {one.replaced} pairs" if one.replaced else "added"
        say(f"{one.annotator} ({one.file}): {one.pairs} pairs{blank}{missing}; {how}")
    among, judge, preference = done.review.among, done.review.judge, done.review.preference
    lines = [
        ("error or none", format_interval(among.flagged), format_interval(judge.flagged)),
        ("which error, or none", format_interval(among.error), format_interval(judge.error)),
        *(
            (error.value, format_interval(among.by_error[error]), format_interval(judge.by_error[error]))
            for error in among.by_error
        ),
        ("which reply is better", format_interval(among.better), ""),
    ]
    say_table(f"Agreement on {done.config}", ("what", "among people (alpha)", "with the judge (kappa)"), lines)
    for pair in among.pairwise:
        flagged, error, better = map(format_interval, (pair.flagged, pair.error, pair.better))
        kappas = f"error or none {flagged}; which error {error}; better {better}"
        say(f"{' and '.join(pair.annotators)} (kappa): {kappas}")
    chosen, tie = format_interval(preference.chosen), format_interval(preference.tie)
    say(f"the chosen side is preferred: {chosen}; neither: {tie}")


def _sample(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _pair_config(text: str) -> Config:
    if text in PAIR_CONFIGS:
        return Config(text)
    other = "; its dialogues are read with `review crisis`" if text == Config.CRISIS_HOLDOUT else ""
    raise argparse.ArgumentTypeError(f"{text!r} holds no pairs; choose one of {', '.join(PAIR_CONFIGS)}{other}")


def _stratify(text: str) -> tuple[Stratify, ...]:
    if text == "none":
        return ()
    try:
        return tuple(dict.fromkeys(Stratify(one.strip()) for one in text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: choose of {', '.join(Stratify)}, or none") from error
