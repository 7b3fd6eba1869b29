"""`ipm-prefdial evaluate`: how good are a planner and a responder, or predictions that others wrote?"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.escape import visible, visible_json

if TYPE_CHECKING:
    from ..evaluate.options import SystemOptions

_MODEL = "`corpus` (embedded, no network), a checkpoint's folder, or MODEL[#REVISION][@BASE_URL]"


def add_evaluate(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser(
        "evaluate", help="score a planner and a responder on a release, or the predictions of other systems"
    )
    parser.add_argument("place", metavar="DIR_OR_REPO[@REV]", nargs="?", help="a release folder, or ORG/NAME@TAG")
    parser.add_argument("--revision", metavar="TAG", help="the tag of a repo; of a folder, what it must be")
    parser.add_argument("--split", choices=[one.value for one in Split], default=Split.TEST.value)
    parser.add_argument(
        "--predictions",
        metavar="[NAME=]FILE",
        action="append",
        default=[],
        help="answers in our own form (JSON Lines) or DecoupledESC's; repeat it to compare several systems",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="the folder for answers, tables and figures")
    parser.add_argument("--limit", metavar="N", type=_whole, help="the first N dialogues of the split")
    parser.add_argument(
        "--similarity-model", metavar="DIR", type=Path, help="the folder of a language model, for semantic similarity"
    )
    _add_models(parser)
    parser.add_argument("--json", action="store_true", help="print the evaluation as JSON")
    parser.set_defaults(run=run)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--planner", metavar="MODEL", help=_MODEL)
    parser.add_argument("--responder", metavar="MODEL", help="writes under the planner's strategy")
    parser.add_argument("--joint", metavar="MODEL", help="names the strategy and writes, in one answer")
    parser.add_argument("--reasoner", metavar="MODEL", help="reasons in four steps; the last one is the reply")
    parser.add_argument(
        "--judge",
        metavar="MODEL",
        action="append",
        default=[],
        help="grades every reply; repeat it for several; reward:DIR is a reward model, which scores traces alone",
    )
    parser.add_argument(
        "--temperature", metavar="T", type=_temperature, help="0 to 2, 0 is greedy; the release's own if left out"
    )
    parser.add_argument("--concurrency", metavar="N", type=_whole, default=32, help="calls in flight, per model")
    parser.add_argument("--rpm", metavar="N", type=_whole, help="requests a minute, per model")
    parser.add_argument("--tpm", metavar="N", type=_whole, help="tokens a minute, per model")
    parser.add_argument("--timeout", metavar="S", type=_positive, default=120.0, help="timeout of one call, in seconds")
    parser.add_argument("--budget", metavar="USD", type=_positive, help="the most that all calls together may cost")
    parser.add_argument("--prices", metavar="FILE", type=Path, help="a price table that overrides the built-in one")


def run(options: argparse.Namespace) -> int:
    """Evaluates, and prints the page that stands in the folder, too."""
    from ...builders.runtime.progress import ProgressDisplay
    from ..evaluate.options import EvaluateOptions
    from ..evaluate.run import evaluate, evaluation_json
    from ..evaluate.tables import markdown  # brings numpy

    wanted = EvaluateOptions(
        out=options.out,
        place=options.place,
        revision=options.revision,
        split=Split(options.split),
        models=_models(options),
        temperature=options.temperature,
        predictions=tuple(options.predictions),
        similarity_model=options.similarity_model,
        limit=options.limit,
    )
    with ProgressDisplay(quiet=options.json) as steps:
        evaluation = evaluate(wanted, steps)
    sys.stdout.write(visible_json(evaluation_json(evaluation)) if options.json else visible(markdown(evaluation)))
    if options.out is not None and not options.json:
        sys.stdout.write(f"\nTables, pictures and predictions are in {options.out}\n")
    return 0


def _models(options: argparse.Namespace) -> "SystemOptions":
    from ..evaluate.options import SystemOptions

    return SystemOptions(
        planner=options.planner,
        responder=options.responder,
        joint=options.joint,
        reasoner=options.reasoner,
        judges=tuple(options.judge),
        concurrency=options.concurrency,
        rpm=options.rpm,
        tpm=options.tpm,
        timeout_s=options.timeout,
        budget_usd=options.budget,
        prices=options.prices,
    )


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _positive(text: str) -> float:
    if not 0 < (value := _number(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _temperature(text: str) -> float:
    if not 0 <= (value := _number(text)) <= 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 2")
    return value
