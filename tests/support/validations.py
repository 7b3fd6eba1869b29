"""Validations for tests: one that is invented, and quick ones of a small release."""

import json
from pathlib import Path
from typing import Any

from ipm_prefdial.schemas.measures import Interval
from ipm_prefdial.schemas.study import (
    Answered,
    Precondition,
    Scale,
    StageTime,
    StudyOutcome,
    SystemFigures,
    TrainedModel,
    ValidatedRelease,
    Validation,
)

QUICK = {
    "max_steps": 1,
    "max_rows": 8,
    "max_length": 700,
    "per_device_train_batch_size": 2,
    "save_strategy": "no",
    "sft.random_width": 16,
    "sft.random_layers": 1,
    "sft.random_vocabulary": 400,
}
"""What makes the six trainings as quick as they can be."""


def quick_words(data: Path, out: Path, *words: str) -> list[str | Path]:
    """The words of a validation of a few steps over two test dialogues."""
    sets = [f"--set={name}={json.dumps(value)}" for name, value in QUICK.items()]
    places = ["recipe", "run", "validate-release", "--data", data, "--out", out]
    return [*places, "--scale", "tiny", "--seeds", "2", "--dialogues", "2", *sets, *words]


def figure(value: float | None, low: float | None = None, high: float | None = None, n: int = 100) -> Interval:
    """A figure; exact where no interval is given."""
    return Interval(value=value, low=value if low is None else low, high=value if high is None else high, n=n)


def invented(*verdicts: StudyOutcome, tables_sha256: str = "0" * 64, **changed: Any) -> Validation:
    """A validation with a question a verdict; one yes where none is given."""
    questions = [_question(number, verdict) for number, verdict in enumerate(verdicts or (StudyOutcome.YES,))]
    release = ValidatedRelease(
        name="talks", revision=None, version="1.0.0", tables_sha256=tables_sha256, turns=400, dialogues=40
    )
    model = TrainedModel(recipe="tiny/planner/sft", base_model="random weights", steps=7, rows=50, run_sha256="1" * 64)
    whole = Validation(
        release=release,
        scale=Scale.TINY,
        judges=(),
        questions=tuple(questions),
        models=(model,),
        systems=(SystemFigures(name="joint", kind="system", figures={"accuracy": figure(0.25, 0.2, 0.3)}),),
        stages=(StageTime(name="train", seconds=1.5),),
        notes=("It is invented",),
    )
    return whole.model_copy(update=changed)


def _question(number: int, verdict: StudyOutcome) -> Answered:
    return Answered(
        id=f"question_{number}",
        asks=f"Is number {number} so?",
        group="training" if number else "release",
        figure=figure(0.5, 0.4, 0.6),
        measures="a share, 0 to 1",
        verdict=verdict,
        why="0.5 | so",
        preconditions=(Precondition(name="sound", holds=True, told="all is well"),),
    )
