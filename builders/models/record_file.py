"""The file behind `Records`: its table, its lock, and how an outcome becomes a row and back."""

import fcntl
import sqlite3
from pathlib import Path
from typing import IO, Any, NamedTuple

from ...schemas.base import Frozen
from ...schemas.errors import UsageError
from ...schemas.inference import TRANSIENT, Completion, Failed, FailureReason, ModelRef, Outcome, Role

_APPLICATION_ID = 0x49504D44  # "IPMD"
_FORMAT = 1

Row = tuple[Any, ...]
"""A row in the order of `_COLUMNS`."""

_COLUMNS = (
    "key, role, model, revision, draw, "
    "reason, text, finish_reason, prompt_tokens, completion_tokens, structured, detail, retry_after_s"
)
_OUTCOME_COLUMNS = _COLUMNS.partition("draw, ")[2]
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[1:])
_TRANSIENT = ", ".join(f"'{reason}'" for reason in sorted(TRANSIENT))

_CREATE = """CREATE TABLE outcomes (
    key TEXT PRIMARY KEY, role TEXT NOT NULL, model TEXT NOT NULL, revision TEXT, draw INTEGER NOT NULL,
    reason TEXT, text TEXT, finish_reason TEXT, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    structured INTEGER NOT NULL, detail TEXT, retry_after_s REAL
) WITHOUT ROWID"""
FIND = f"SELECT {_OUTCOME_COLUMNS} FROM outcomes WHERE key = ?"
SELECT_ALL = f"SELECT {_COLUMNS} FROM outcomes ORDER BY key"
INSERT = (
    f"INSERT INTO outcomes ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(', ')))}) "
    f"ON CONFLICT (key) DO UPDATE SET {_REPLACED} WHERE outcomes.reason IN ({_TRANSIENT})"
)
FORGET = "DELETE FROM outcomes WHERE reason IS NOT NULL"
# Old records may hold 2**53 tokens a call, from before usage was checked: SQLite overflows when it adds up a thousand.
_MOST_TOKENS = 2**31
SPENT = (
    "SELECT role, model, revision, count(*), count(reason), "
    f"sum(iif(prompt_tokens <= {_MOST_TOKENS}, prompt_tokens, 0)), "
    f"sum(iif(completion_tokens <= {_MOST_TOKENS}, completion_tokens, 0)) "
    "FROM outcomes GROUP BY role, model, revision ORDER BY role, model, revision"
)


class Recorded(NamedTuple):
    """One outcome with what was asked of whom."""

    key: str
    role: Role
    model: str
    revision: str | None
    draw: int
    outcome: Outcome


class Spent(Frozen):
    """The usage of one model in one role, over all recorded runs."""

    role: Role
    model: ModelRef
    calls: int
    """Distinct calls."""
    failed: int
    """Calls without a reply."""
    prompt_tokens: int
    """As the endpoint counted them."""
    completion_tokens: int
    """As the endpoint counted them."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use, with no transactions but those that are begun."""
    try:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    except sqlite3.Error as error:
        raise UsageError(f"the records at {path} cannot be opened: {error}") from None


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the table in a new file, or make sure that an old one is ours; then set how it is written.

    Raises:
        UsageError: the file is not a records file, is damaged, or is of a newer format.
    """
    try:
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != _APPLICATION_ID and (owner or tables):
            raise UsageError(f"{path} is a SQLite file of another program; name another place for the records")
        if tables and version != _FORMAT:
            raise UsageError(
                f"{path} has records of format {version}, this package writes {_FORMAT}: install its match"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if not tables:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            connection.execute(_CREATE)
            connection.execute("COMMIT")
        connection.execute(FIND, ("",)).fetchone()
    except sqlite3.DatabaseError as error:
        raise UsageError(
            f"the records at {path} cannot be used: {error}; move the file away to begin anew, or put back a copy of it"
        ) from None


def lock_beside(path: Path, kind: str = "lock") -> IO[bytes]:
    """An open file beside `path` that holds an exclusive lock of its kind until it is closed, or its process dies.

    Raises:
        UsageError: another process holds it, or the folder cannot be written to.
    """
    try:
        handle = path.with_name(f"{path.name}.{kind}").open("ab")
    except OSError as error:
        raise UsageError(f"the records at {path} cannot be written: {error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise UsageError(
            f"another build is writing the records at {path}: wait until it ends, or name another output folder"
        ) from None
    return handle


def row_of(key: str, role: str, model: str, revision: str | None, draw: int, outcome: Outcome) -> Row:
    """`outcome` as the table holds it."""
    asked = (key, role, model, revision, draw)
    if isinstance(outcome, Completion):
        counted = (outcome.prompt_tokens, outcome.completion_tokens, outcome.structured)
        return (*asked, None, outcome.text, outcome.finish_reason, *counted, None, None)
    return (*asked, outcome.reason.value, None, None, 0, 0, False, outcome.detail, outcome.retry_after_s)


def outcome_of(key: str, row: Row) -> Outcome:
    """The outcome that the last columns of a row hold."""
    reason, text, finish_reason, prompt_tokens, completion_tokens, structured, detail, retry_after_s = row
    if reason is not None:
        return Failed(key=key, reason=FailureReason(reason), detail=detail, retry_after_s=retry_after_s)
    return Completion(
        key=key,
        text=text,
        finish_reason=finish_reason,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        structured=bool(structured),
    )


def recorded_of(row: Row) -> Recorded:
    key, role, model, revision, draw, *outcome = row
    return Recorded(key, Role(role), model, revision, draw, outcome_of(key, tuple(outcome)))


def spent_of(row: Row) -> Spent:
    role, model, revision, calls, failed, prompt_tokens, completion_tokens = row
    return Spent(
        role=Role(role),
        model=ModelRef(name=model, revision=revision),
        calls=calls,
        failed=failed,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )
