"""The folder of a validation: what it is of, what is done already, and how long each part took."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import read_json
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.files import write_whole
from ...schemas.study import StageTime
from ..runs.record import json_text

_START = "start.json"
_TIMES = "seconds.json"

Value = TypeVar("Value", bound=Frozen)


class StudyKey(Frozen):
    """What decides a validation; the same command finds its folder by it."""

    manifest_sha256: str
    scale: str
    settings: dict[str, JsonValue]
    """What was set for each training, by recipe."""
    dialogues: int | None


class Folder:
    """Where a validation writes.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seconds: dict[str, float] = {}

    def open(self, start: StudyKey) -> None:
        """Makes the folder, or finds that an earlier part of the same validation made it.

        Raises:
            OutputExistsError: it holds something else, or another validation.
            UsageError: it cannot be written to.
        """
        try:
            if self.root.exists() and any(self.root.iterdir()):
                self._check(start)
            self.root.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / _START, json_text(start.model_dump(mode="json")))
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be written: {error.strerror}; choose another --out") from error
        times = self.root / _TIMES
        self._seconds = self._earlier_seconds(times)

    def _earlier_seconds(self, path: Path) -> dict[str, float]:
        try:
            return {str(name): float(seconds) for name, seconds in read_json(path, self.root).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: cannot be read: {error}; remove it, and repeat the command") from error

    def _check(self, start: StudyKey) -> None:
        earlier = self.read(_START, StudyKey)
        if earlier is None:
            raise OutputExistsError(f"{self.root}: it exists and is not a validation; choose another --out")
        pairs = ((name, getattr(earlier, name), getattr(start, name)) for name in StudyKey.model_fields)
        if changed := [name for name, before, now in pairs if before != now]:
            raise OutputExistsError(
                f"{self.root}: holds another validation: {', '.join(changed)} differ{'s' if len(changed) == 1 else ''}"
                "; choose another --out, or remove it"
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds what a part takes to what it took in earlier runs of the command, also where it is stopped."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = round(self._seconds.get(name, 0.0) + time.monotonic() - began, 2)
            self.write(_TIMES, json_text(self._seconds))

    @property
    def times(self) -> tuple[StageTime, ...]:
        """How long every part took, in the order in which they were begun."""
        return tuple(StageTime(name=name, seconds=seconds) for name, seconds in self._seconds.items())

    def once(self, name: str, kind: type[Value], make: Callable[[], Value], fits: Callable[[Value], bool]) -> Value:
        """What a file holds, where it fits; else what `make` gives, which then stands in the file.

        Args:
            name: of the file.
            kind: what it holds.
            make: takes long.
            fits: whether what the file holds is about the same things.
        """
        there = self.read(name, kind)
        if there is not None and fits(there):
            return there
        made = make()
        self.write(name, json_text(made.model_dump(mode="json")))
        return made

    def read(self, name: str, kind: type[Value]) -> Value | None:
        """What a file holds; None where there is no such file, or another version of this program wrote it."""
        path = self.root / name
        try:
            return kind.model_validate(read_json(path, self.root))
        except (OSError, ValidationError, ValueError):
            return None

    def write(self, name: str, text: str | bytes) -> None:
        """Writes a file, whole or not at all.

        Raises:
            UsageError: it cannot be written.
        """
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written: {error.strerror}; make room, and repeat the command"
            ) from error


def plain(value: Any) -> JsonValue:
    """A setting's value as JSON holds it."""
    return json.loads(json.dumps(value, default=str))  # type: ignore[no-any-return]
