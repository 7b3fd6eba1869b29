"""Answers that a build need not ask for: its own records, and the completions of earlier releases (`--reuse`)."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ...schemas.config import Config
from ...schemas.errors import DataError, LostRowsError
from ...schemas.files import is_inside
from ...schemas.inference import Completion, Failed, FailureReason, Outcome, Request, Role
from ...schemas.manifest import ReusedRecord
from ..models.record import Records
from ..release.differences import unfit_rows
from ..release.layout import tables_sha256
from ..release.read import Release, local_release
from ..sources.files import sha256_of
from ._assemble import DigestSet

# The completions of releases by request key: `verify` rebuilds from them, and `--reuse` saves their calls.


class PublishedAnswer(NamedTuple):
    """An answer, and the index of the release that has it."""

    outcome: Outcome
    release: int


class PublishedAnswers:
    """The completions of releases by request key, on disk, so that memory does not grow with them.

    If several releases answer a request, the first one's answer counts. `verify` rebuilds a release from its own.

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
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _answers(release, number)
            )

    def find(self, key: str) -> PublishedAnswer | None:
        found = self._db.execute("SELECT * FROM answers WHERE key = ?", (bytes.fromhex(key),)).fetchone()
        if found is None:
            return None
        _, release, reply, finish_reason, failure, detail, prompt_tokens, completion_tokens, structured = found
        if failure is not None:
            return PublishedAnswer(Failed(key=key, reason=FailureReason(failure), detail=detail), release)
        outcome = Completion(
            key=key,
            text=reply,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            structured=bool(structured),
        )
        return PublishedAnswer(outcome, release)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _answers(release: Release, number: int) -> Iterator[tuple[Any, ...]]:
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


@dataclass(frozen=True)
class Earlier:
    """The releases that `--reuse` names, and the answers in them."""

    places: tuple[str, ...]
    """Their names in the command."""
    releases: tuple[Release, ...]
    answers: PublishedAnswers

    def find(self, key: str) -> PublishedAnswer | None:
        """A reply or a final failure; a transient failure is worth another call."""
        found = self.answers.find(key)
        if found is None or (isinstance(found.outcome, Failed) and found.outcome.transient):
            return None
        return found


@contextmanager
def open_earlier(places: Sequence[str]) -> Iterator[Earlier | None]:
    """The releases in folders or on the Hub, for as long as the context lasts; None where no place is named.

    Raises:
        UsageError: a place is not a release, or not one that may be read.
        EndpointError: the Hub cannot be reached.
        DataError: recorded answers are damaged, or are not those that the release was published with.
    """
    if not places:
        yield None
        return
    releases = tuple(_checked(Release(local_release(place)), place) for place in places)
    with PublishedAnswers(releases) as answers:
        for release, place in zip(releases, places, strict=True):
            _check_bytes(release, place)  # again, since a file may have changed while it was read
        yield Earlier(tuple(places), releases, answers)


# The release, whose completions are whole: answers that were altered would be published anew.
def _checked(release: Release, place: str) -> Release:
    _check_bytes(release, place)
    if (wrong := next(unfit_rows(release, Config.COMPLETIONS), None)) is not None:
        raise DataError(f"--reuse {place}: {wrong}; leave this release out")
    return release


def _check_bytes(release: Release, place: str) -> None:
    for path in release.files(Config.COMPLETIONS):
        name = release.name_of(path)
        if not is_inside(release.root, name) or sha256_of(path, release.root) != release.manifest.files[name].sha256:
            raise DataError(f"--reuse {place}: {name}: it is not the file in the manifest; fetch the release again")


class Known(NamedTuple):
    """A known answer, and where it is recorded."""

    outcome: Outcome
    release: int | None
    """The index of the earlier release that has it; None if this build's own records do."""


@dataclass
class KnownAnswers:
    """The build's own records first, then the earlier releases.

    An earlier release's answers are not copied into the records, so that these hold only what this build paid for.
    """

    records: Records | None
    """None before the first run of a build, for an estimate; then `put` is not allowed."""
    earlier: Earlier | None = None
    _counted: DigestSet = field(default_factory=DigestSet)
    _reused: dict[int, Counter[Role]] = field(default_factory=lambda: defaultdict(Counter))

    def look_up(self, key: str, *, include_transient: bool = False) -> Known | None:
        """The known answer under a key; an earlier release's answer takes precedence over a transient failure."""
        if (own := self._recorded(key)) is not None:
            return Known(own, None)
        if self.earlier is not None and (published := self.earlier.find(key)) is not None:
            return Known(*published)
        if include_transient and (failed := self._recorded(key, include_transient=True)) is not None:
            return Known(failed, None)
        return None

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        known = self.look_up(key, include_transient=include_transient)
        return None if known is None else known.outcome

    def put(self, request: Request, outcome: Outcome) -> None:
        assert self.records is not None, "only an estimate has no records"
        self.records.put(request, outcome)

    def settle(self, request: Request) -> Outcome:
        """The answer for the tables; counts each one that comes from an earlier release, for `reused`.

        Raises:
            LostRowsError: the request has no answer.
        """
        known = self.look_up(request.key, include_transient=True)
        if known is None:
            raise LostRowsError(f"no call of the {request.ask.role} was made under {request.key}; please report this")
        if known.release is not None and self._counted.add(request.key):
            self._reused[known.release][request.ask.role] += 1
        return known.outcome

    def reused(self) -> tuple[ReusedRecord, ...]:
        """The manifest's record of each earlier release: its name, never its path, and the calls that it saved."""
        if self.earlier is None:
            return ()
        found = zip(self.earlier.places, self.earlier.releases, strict=True)
        return tuple(_record(place, release, self._reused[at]) for at, (place, release) in enumerate(found))

    def _recorded(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        return None if self.records is None else self.records.find(key, include_transient=include_transient)


def _record(place: str, release: Release, calls: Counter[Role]) -> ReusedRecord:
    return ReusedRecord(
        name=Path(place).resolve().name if Path(place).exists() else place,
        version=release.manifest.version,
        sha256=tables_sha256(release.manifest.files),
        calls={role: calls[role] for role in Role if calls[role]},
    )
