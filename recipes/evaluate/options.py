"""What an evaluation is asked to do, and who is told how it goes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ...schemas.dialogue import Split
from ..metrics.sample import REPLICATES
from .players import PlayerOptions


class Progress(Protocol):
    """Told of what goes on."""

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins, of `total` steps where that is known."""
        ...

    def advance(self, note: str = "") -> None:
        """One step of the stage is done."""
        ...


class NoProgress:
    """Shows nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Shows nothing."""

    def advance(self, note: str = "") -> None:
        """Shows nothing."""


@dataclass(frozen=True)
class EvaluateOptions:
    """What an evaluation is asked to do."""

    out: Path | None = None
    """Where answers, predictions, tables and pictures go; models cannot be asked without it."""
    place: str | None = None
    """The release: a folder, or `ORG/NAME@TAG`; None scores prediction files alone."""
    revision: str | None = None
    """Of the release, where the place does not say it."""
    split: Split = Split.TEST
    players: PlayerOptions = field(default_factory=PlayerOptions)
    temperature: float | None = None
    """Instead of the release's own sampling; 0 is greedy."""
    predictions: tuple[str, ...] = ()
    """Files of others, `FILE` or `NAME=FILE`."""
    similarity_model: Path | None = None
    limit: int | None = None
    """Dialogues of the split at most."""
    replicates: int = REPLICATES
