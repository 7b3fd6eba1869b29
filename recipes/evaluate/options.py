"""What an evaluation is asked to do, and who is told how it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...schemas.dialogue import Split
from ..metrics.sample import REPLICATES
from .players import PlayerOptions

if TYPE_CHECKING:
    from .stakes import Part


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
    writers: Mapping[str, "tuple[Part, ...]"] = field(default_factory=dict)
    """The models that wrote prediction files, by system, where the caller knows them."""
    similarity_model: Path | None = None
    limit: int | None = None
    """Dialogues of the split at most."""
    replicates: int = REPLICATES
