"""What each scale trains, and how much of the test split it looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...schemas.validation import Scale
from ..tasks import SYSTEM_STAGES, SYSTEM_TASKS, Stage, Task
from .questions import REQUIRED, REQUIRED_OF_PRETRAINED

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a scale does."""

    model: str
    """The recipes are `MODEL/TASK/STAGE`."""
    needs: str
    """The machine, in words."""
    dialogues: int | None
    """Test dialogues that the systems are asked in; None for all."""
    pairs: int | None
    """Test pairs of a task whose rewards are taken; None for all."""
    batch: int
    """Answers that are generated at once."""
    required: tuple[str, ...]
    """Questions that a run must answer to pass."""
    settings: Mapping[tuple[Task, Stage], Settings] = field(default_factory=dict)
    """What is set otherwise than in the recipes."""

    def recipe(self, task: Task, stage: Stage) -> str:
        """The recipe's name."""
        return f"{self.model}/{task}/{stage}"


_QUICK: Settings = {"eval_strategy": "no", "max_length": 384}
"""Rewards are taken on the test pairs afterwards, so that no time goes into validation rows meanwhile."""
_REPLIES = {
    Stage.SFT: {**_QUICK, "max_rows": 480, "max_steps": 60},
    Stage.DPO: {**_QUICK, "max_rows": 160, "max_steps": 20},
}
_LABELS = {
    # A label is one of eight, and most of what it depends on stands in the last turns: one layer over a short prompt is
    # enough for that, and quick enough to see most demonstrations.
    Stage.SFT: {
        **_QUICK,
        "max_length": 320,
        "random_layers": 1,
        "random_vocabulary": 2000,
        "max_rows": 3_200,
        "max_steps": 200,
        "per_device_train_batch_size": 16,
    },
    Stage.DPO: {**_QUICK, "max_length": 320, "max_rows": 160, "max_steps": 20},
}

PLANS: Mapping[Scale, Plan] = {
    Scale.TINY: Plan(
        model="tiny",
        needs="two CPU cores, some ten minutes with three seeds",
        dialogues=40,
        pairs=80,
        batch=64,
        required=REQUIRED,
        settings={
            (task, stage): (_LABELS if task is Task.PLANNER else _REPLIES)[stage]
            for task in SYSTEM_TASKS
            for stage in SYSTEM_STAGES
        },
    ),
    Scale.SMALL: Plan(
        "qwen2.5-0.5b-instruct", "one GPU of 16 GB, some hours a seed", None, 1_000, 32, REQUIRED_OF_PRETRAINED
    ),
    Scale.FULL: Plan(
        "qwen2.5-7b-instruct-lora", "one GPU of 40 GB, a day or so a seed", None, None, 16, REQUIRED_OF_PRETRAINED
    ),
}
"""Every scale's."""
