"""The folder of an evaluation: the answers as they come, and what was made of them, each file whole or not there."""

from dataclasses import dataclass
from pathlib import Path

from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.evaluation import FILE_NAME
from ...schemas.writing import write_whole

_RECORDS = "records.sqlite"


@dataclass(frozen=True)
class Store:
    """Where an evaluation keeps its answers and puts its results; the same command finds the answers again."""

    root: Path

    @property
    def records(self) -> Path:
        """Every answer so far."""
        return self.root / _RECORDS

    def open(self) -> None:
        """Makes the folder, or finds that an evaluation made it.

        Raises:
            OutputExistsError: it holds something else.
            UsageError: it cannot be written to.
        """
        try:
            if self.root.exists() and not self._is_ours():
                raise OutputExistsError(f"{self.root}: it exists and is no evaluation; choose another --out")
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be written: {error.strerror}; choose another --out") from error

    def _is_ours(self) -> bool:
        if not self.root.is_dir():
            return False
        names = {path.name for path in self.root.iterdir()}
        return not names or bool(names & {_RECORDS, FILE_NAME})

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
