"""The completions of releases by request key: `verify` rebuilds from them, `--reuse` asks nobody for them again."""

import sqlite3
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from ..schemas.config import Config
from ..schemas.inference import Completion, Failed, FailureReason, Outcome
from .release.read import Release


class Published(NamedTuple):
    """An answer, and which release has it."""

    outcome: Outcome
    release: int
    """Its place among the releases that were given, from 0."""


class PublishedAnswers:
    """The completions of releases, found by request key; they lie on disk, so memory does not grow with them.

    Where several releases have an answer to one request, it is the first one's.

    Raises:
        DataError: a table cannot be read.
    """

    def __init__(self, releases: Sequence[Release]) -> None:
        self._db = sqlite3.connect("")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE answers (key BLOB PRIMARY KEY, release INT, reply TEXT, finish_reason TEXT, failure TEXT, "
            "detail TEXT, prompt_tokens INT, completion_tokens INT, structured INT) WITHOUT ROWID"
        )
        for number, release in enumerate(releases):
            self._db.executemany(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _records(release, number)
            )

    def find(self, key: str) -> Published | None:
        """The answer that is recorded under a request's key, or None."""
        found = self._db.execute("SELECT * FROM answers WHERE key = ?", (bytes.fromhex(key),)).fetchone()
        if found is None:
            return None
        _, release, reply, finish_reason, failure, detail, prompt_tokens, completion_tokens, structured = found
        if failure is not None:
            return Published(Failed(key=key, reason=FailureReason(failure), detail=detail), release)
        outcome = Completion(
            key=key,
            text=reply,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            structured=bool(structured),
        )
        return Published(outcome, release)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _records(release: Release, number: int) -> Iterator[tuple[Any, ...]]:
    for row in release.rows(Config.COMPLETIONS):
        yield (
            bytes.fromhex(row["request_key"]),
            number,
            row["reply"],
            row["finish_reason"],
            row["failure"],
            row["failure_detail"],
            row["prompt_tokens"],
            row["completion_tokens"],
            row["structured"],
        )
