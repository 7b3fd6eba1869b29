"""A stage of the loop: one command, the checkpoints that it asks, and how to see that it is done."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ...schemas.documents import read_json
from ..tasks import Task

_URL = re.compile(r"@https?://\S+")
"""Where a model is served, which decides nothing of what it answers."""


class Kind(StrEnum):
    """What a stage does, by the module that does it."""

    TRAIN = "ipm_prefdial.recipes.train.script"
    COMMAND = "ipm_prefdial.builders.cli.main"
    """`build` and `evaluate`, as a user types them: recipes import no builders."""
    CHECK = "ipm_prefdial.recipes.mining.check"


@dataclass(frozen=True)
class Checkpoint:
    """What a training stage makes."""

    task: Task
    generation: str
    """`sft`, `dpo-1`, `dpo-2` …"""
    fold: int | None = None
    """The fold whose dialogues it was not trained on; None of all that there are."""

    @property
    def folder(self) -> str:
        """Where it is, in the folder of the loop."""
        return f"{self.generation}/{self.task}{self._fold}"

    @property
    def name(self) -> str:
        """What endpoints and rows call it."""
        return f"{self.task}-{self.generation}{self._fold}"

    @property
    def _fold(self) -> str:
        return "" if self.fold is None else f"-without-fold-{self.fold}"


@dataclass(frozen=True)
class Stage:
    """One command; all paths are those in the folder of the loop, where it runs."""

    name: str
    """Also the folder of what it makes."""
    kind: Kind
    words: tuple[str, ...]
    """Of the command, without the models that are served for it."""
    asks: Mapping[Task, Checkpoint] = field(default_factory=dict)
    """The checkpoints that are served while it runs; the command is told of them by task."""
    lasting: bool = True
    """Whether it makes a folder."""

    @property
    def log(self) -> str:
        """Everything that it says."""
        return f"logs/{self.name.replace('/', '-')}.log"

    @property
    def command(self) -> str:
        """The command for people to read; models and files elsewhere stand by their names alone."""
        start = "ipm-prefdial" if self.kind is Kind.COMMAND else f"python -m {self.kind}"
        asked = [f"--{task} {checkpoint.name}" for task, checkpoint in self.asks.items()]
        words = (Path(word).name if Path(word).is_absolute() else _URL.sub("", word) for word in self.words)
        return " ".join([start, *words, *asked])

    def is_done(self, out: Path) -> bool:
        """Whether what it makes is there, whole: each command writes the file that says so last."""
        folder = out / self.name
        if self.kind is Kind.COMMAND:
            return any((folder / name).is_file() for name in ("manifest.json", "evaluation.json"))
        try:
            return bool(read_json(folder / "run.json", folder)["state"] == "done")
        except (OSError, ValueError, KeyError, TypeError):
            return False
