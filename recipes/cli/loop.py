"""`ipm-prefdial recipe run mine`: the mining loop of the paper."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ...schemas.escape import visible, visible_json
from ..catalogue import SYSTEM_STAGES, TrainingStage
from ..runs.arguments import read_settings

if TYPE_CHECKING:
    from ..loop.plan import MineOptions

NAME = "mine"
ABOUT = "SFT, serve, mine, DPO on what was mined, evaluate; once or in rounds, out of fold"
_OUT = "runs/mine"


def add_options(group: Any) -> None:
    """Adds what only the loop has."""
    group.add_argument("--model", metavar="NAME", default="tiny", help="the recipes' model, such as tiny (the default)")
    group.add_argument("--rounds", metavar="N", type=_whole, default=1, help="how often is mined and trained on it")
    group.add_argument(
        "--folds", metavar="K", type=_whole, default=2, help="parts, each mined by models of the others alone; 1: none"
    )
    group.add_argument(
        "--judge", metavar="MODEL", action="append", default=[], help="as `build` and `evaluate` take it"
    )
    group.add_argument("--release", metavar="VERSION", help="the spec that mines; the release's own if it is left out")
    group.add_argument(
        "--decontaminate", metavar="FILE_OR_HUB_ID", action="append", default=[], help="as `build` takes it"
    )
    group.add_argument("--limit", metavar="N", type=_whole, help="dialogues of each split to mine and evaluate on")
    group.add_argument("--server", choices=("vllm", "transformers"), help="what serves; vllm where it is installed")
    group.add_argument(
        "--server-timeout", metavar="S", type=_seconds, default=600.0, help="seconds that a server may take to start"
    )
    group.add_argument("--concurrency", metavar="N", type=_whole, help="calls in flight, per model")


def run(options: argparse.Namespace) -> int:
    """Runs the loop, and prints the page that stands in its folder."""
    from ..loop.report import markdown
    from ..loop.run import mine
    from ..runs.record import json_text
    from ..train.run import quieten, say_line

    quieten()
    wanted = _options(options)
    report = mine(wanted, say_line)
    text = visible_json(json_text(report.model_dump(mode="json"))) if options.json else visible(markdown(report))
    sys.stdout.write(text)
    if not options.json:
        sys.stdout.write(f"\nEverything is in {wanted.out}\n")
    return 0


def _options(options: argparse.Namespace) -> "MineOptions":
    from ..loop.plan import MineOptions
    from ..serving.serve import Server

    return MineOptions(
        out=Path(options.out or _OUT),
        data=options.data,
        revision=options.revision,
        model=options.model,
        rounds=options.rounds,
        folds=options.folds,
        judges=tuple(options.judge) or ("corpus",),
        release=options.release,
        benchmarks=tuple(options.decontaminate),
        limit=options.limit,
        settings=_by_stage(options.settings),
        launch=options.launch,
        server=Server(options.server) if options.server else None,
        healthy_within_s=options.server_timeout,
        concurrency=options.concurrency,
    )


# `K=V` for both stages, `sft.K=V` and `dpo.K=V` for one; what is said of one stage goes before what is of both.
def _by_stage(given: Iterable[str]) -> dict[TrainingStage, dict[str, Any]]:
    common, own = list[str](), {stage: list[str]() for stage in SYSTEM_STAGES}
    for word in given:
        stage, dot, rest = word.partition(".")
        if dot and "=" not in stage:
            if stage not in own:
                raise UsageError(f"--set: {word!r}: before a dot stands sft or dpo, such as sft.max_steps=100")
            own[TrainingStage(stage)].append(rest)
        else:
            common.append(word)
    return {stage: dict(read_settings([*common, *words])) for stage, words in own.items()}


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
