"""What a mining loop is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...builders.inference.endpoint import parse_model
from ...schemas.errors import UsageError
from ..catalogue import recipe_names
from ..serving.servers import Server
from ..tasks import Stage, Task

FOLDS = 2
"""Folds where none are named."""


@dataclass(frozen=True)
class MineOptions:
    """Everything that decides a mining loop, and how it is run."""

    out: Path
    """Where everything goes."""
    data: str
    """The release whose dialogues are mined: a folder, or `ORG/NAME` on the Hub."""
    revision: str | None = None
    """Pins it."""
    model: str = "tiny"
    """The recipes' model, such as `tiny` or `qwen2.5-0.5b-instruct`."""
    rounds: int = 1
    """How often is mined and trained on what was mined; from the second on the models of the round before mine."""
    folds: int = FOLDS
    """Parts of the dialogues, each mined by models that were trained on the others alone; 1 switches that off."""
    judges: tuple[str, ...] = ("corpus",)
    """As `build --judge` takes them."""
    release: str | None = None
    """The spec that mines; the release's own version where it is None."""
    benchmarks: tuple[str, ...] = ()
    """As `build --decontaminate` takes them."""
    limit: int | None = None
    """Dialogues of every split that are mined and evaluated on, at most."""
    settings: Mapping[Stage, Mapping[str, Any]] = field(default_factory=dict)
    """Other values of the recipes' settings, by stage."""
    launch: str | None = None
    """Start every training with `accelerate launch` and this configuration."""
    server: Server | None = None
    """What serves; None takes the better one that is installed."""
    healthy_within_s: float = 600.0
    """Seconds that a server may take to load its model."""
    concurrency: int | None = None
    """Calls in flight, per model; what suits the server where it is None."""

    def recipe(self, task: Task, stage: Stage) -> str:
        """The name of the recipe of a task's stage."""
        return f"{self.model}/{task}/{stage}"

    def judge_names(self) -> tuple[str, ...]:
        """The judges by name and revision, not by where they are served, which decides nothing of what they answer.

        Raises:
            UsageError: one is misspelt.
        """
        return tuple(str(parse_model(judge).ref) for judge in self.judges)

    def check(self) -> None:
        """Looks at what can be known to be wrong at once.

        Raises:
            UsageError: the model has no recipes, or a judge is misspelt.
        """
        names = recipe_names()
        models = sorted({name.partition("/")[0] for name in names})
        if self.model not in models:
            raise UsageError(f"--model: there are no recipes of {self.model!r}; there are {', '.join(models)}")
        self.judge_names()
