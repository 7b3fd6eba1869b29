"""`ipm-prefdial recipe run validate-release`: is a release good to train on?"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ...schemas.escape import visible, visible_json
from ...schemas.inference import is_reward_model
from ...schemas.study import STUDY_FILE, Scale, Validation
from ..catalogue import SYSTEM_STAGES, SYSTEM_TASKS, TrainingStage, TrainingTask
from ..runs.arguments import read_settings

if TYPE_CHECKING:
    from ..study.options import Setting, ValidateOptions

NAME = "validate-release"
ABOUT = "trains planner, responder and joint model on a release, and says of each question what the run can support"
_OUT = Path("runs", NAME)


def add_options(group: Any) -> None:
    """Adds what this workflow takes besides what every recipe does."""
    group.add_argument(
        "--scale",
        choices=[one.value for one in Scale],
        help="tiny: two CPU cores; small, full: a GPU",
    )
    group.add_argument(
        "--judge",
        metavar="MODEL",
        action="append",
        default=[],
        help="looks for errors in replies; may be repeated",
    )
    group.add_argument("--budget", metavar="USD", type=float, help="what all calls to judges together may cost")
    group.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="trainings of every model, which differ in their seed (default 3; fewer answer nothing about training)",
    )
    group.add_argument(
        "--require",
        metavar="QUESTION",
        action="append",
        default=[],
        help="the id of a question that must be answered for exit code 0, or none; may be repeated; the scale's own "
        "if left out",
    )
    group.add_argument("--dialogues", metavar="N", type=int, help="test dialogues at most; the scale's own if left out")


def run(options: argparse.Namespace) -> int:
    """Validates; 1 where a question is answered with no, or one that a pass needs cannot be told."""
    from ...builders.runtime.progress import ProgressDisplay
    from ..study.run import validate
    from ..train.run import quieten, say_line

    wanted = _wanted(options)
    quieten()
    with ProgressDisplay(quiet=options.json) as steps:
        validation = validate(wanted, say_line, steps)
    _say(validation, wanted.out, json=options.json)
    undecided = validation.undecided(wanted.must_answer)
    if undecided:
        say_line(
            f"exit code 1: cannot tell {', '.join(one.id for one in undecided)}, which is no yes; the reasons are "
            "above, and --require names what a pass needs"
        )
    return 1 if validation.refused or undecided else 0


def _wanted(options: argparse.Namespace) -> "ValidateOptions":
    from ..evaluate.options import SystemOptions
    from ..study.options import ValidateOptions
    from ..study.questions import SEEDS

    if options.scale is None:
        raise UsageError(f"{NAME}: name a --scale: {', '.join(Scale)}")
    if options.launch:
        raise UsageError(f"--launch: {NAME} runs in this process; leave it out")
    if options.dialogues is not None and options.dialogues < 1:
        raise UsageError("--dialogues: a whole number above 0 is wanted")
    if options.seeds is not None and options.seeds < 1:
        raise UsageError("--seeds: a whole number above 0 is wanted")
    if options.budget is not None and not options.budget > 0:
        raise UsageError("--budget: a number above 0 is wanted")
    if any(is_reward_model(judge) for judge in options.judge):
        raise UsageError(
            f"--judge: a reward model scores reasoning traces, and {NAME} trains no reasoner; name another"
        )
    return ValidateOptions(
        place=options.data,
        out=Path(options.out) if options.out else _OUT,
        scale=Scale(options.scale),
        revision=options.revision,
        settings=tuple(_setting(name, value) for name, value in read_settings(options.settings, dotted=True)),
        models=SystemOptions(judges=tuple(options.judge), budget_usd=options.budget),
        seeds=options.seeds if options.seeds is not None else SEEDS,
        required=_required(options.require),
        dialogues=options.dialogues,
    )


# The questions that are named; None where the scale's own are wanted.
def _required(named: list[str]) -> tuple[str, ...] | None:
    from ..study.questions import QUESTIONS

    if not named:
        return None
    if named == ["none"]:
        return ()
    known = [question.id for question in QUESTIONS]
    if unknown := [name for name in named if name not in known]:
        raise UsageError(f"--require: there is no question {unknown[0]!r}; there are {', '.join(known)}, or none alone")
    return tuple(named)


# `max_steps`, `dpo.beta`, `planner.max_steps` or `planner.sft.max_steps`, as it concerns some trainings or all.
def _setting(name: str, value: Any) -> "Setting":
    from ..study.options import Setting

    *where, last = name.split(".")
    tasks, stages = [one for one in where if one in SYSTEM_TASKS], [one for one in where if one in SYSTEM_STAGES]
    if len(tasks) > 1 or len(stages) > 1 or len(tasks) + len(stages) != len(where):
        raise UsageError(f"--set: {name}: before the setting may stand a task and a stage, as in planner.sft.max_steps")
    return Setting(last, value, TrainingTask(tasks[0]) if tasks else None, TrainingStage(stages[0]) if stages else None)


def _say(validation: Validation, out: Path, *, json: bool) -> None:
    from ..runs.record import json_text
    from ..study.figures import markdown

    if json:
        sys.stdout.write(visible_json(json_text(validation.model_dump(mode="json"))))
    else:
        sys.stdout.write(visible(f"{markdown(validation)}\n{STUDY_FILE}, tables and pictures are in {out}\n"))
