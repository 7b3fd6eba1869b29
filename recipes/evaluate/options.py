"""The options of an evaluation, and its folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...schemas.dialogue import Split
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.evaluation import EVALUATION_FILE
from ...schemas.files import write_whole
from ..metrics.sample import REPLICATES
from .players import PlayerOptions

if TYPE_CHECKING:
    from .stakes import SystemModel


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
    writers: Mapping[str, "tuple[SystemModel, ...]"] = field(default_factory=dict)
    """The models that wrote prediction files, by system, where the caller knows them."""
    similarity_model: Path | None = None
    limit: int | None = None
    """Dialogues of the split at most."""
    replicates: int = REPLICATES


# The folder of an evaluation: the answers as they come, and what was made of them, each file whole or not there.


_RECORDS = "records.sqlite"


@dataclass(frozen=True)
class EvaluationFolder:
    """Where an evaluation keeps its answers and puts its results; the same command finds the answers again."""

    root: Path

    @property
    def records(self) -> Path:
        return self.root / _RECORDS

    def open(self) -> None:
        """Makes the folder, or finds that an evaluation made it.

        Raises:
            OutputExistsError: it holds something else.
            UsageError: it cannot be written to.
        """
        try:
            if self.root.exists() and not self._is_ours():
                raise OutputExistsError(f"{self.root}: it exists and is not an evaluation; choose another --out")
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be written: {error.strerror}; choose another --out") from error

    def _is_ours(self) -> bool:
        if not self.root.is_dir():
            return False
        names = {path.name for path in self.root.iterdir()}
        return not names or bool(names & {_RECORDS, EVALUATION_FILE})

    def write(self, name: str, data: str | bytes) -> Path:
        """Puts a file there, whole, instead of one that an earlier run put there.

        Raises:
            UsageError: it cannot be written.
        """
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written: {error.strerror}; make room, and repeat the command"
            ) from error
        return path
