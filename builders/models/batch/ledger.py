"""The requests and jobs of a build's batches, on disk before anything is sent, so every run finds its batches again."""

import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ....schemas.errors import UsageError
from ....schemas.inference import Outcome, Request, Role
from .._dialect import Dialect, RequestBody
from ..budget import Price, estimate_prompt_tokens
from ..client import AnswerStore
from .job import BatchPlan, Job, JobState, Queue, QueuedRequest, RequestSize, line_of

# `payer` is the role whose key pays: requests with another key are another queue. `tries` outlives `requests`, since a
# request that failed is deleted and wanted again by the next wave.
_CREATE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, mark TEXT NOT NULL UNIQUE, base_url TEXT NOT NULL, model TEXT NOT NULL,
    payer TEXT NOT NULL, state TEXT NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL, usd REAL NOT NULL,
    tried_at REAL NOT NULL DEFAULT 0, file_id TEXT, batch_id TEXT, status TEXT NOT NULL DEFAULT '',
    output_file_id TEXT, error_file_id TEXT, errors TEXT NOT NULL DEFAULT '',
    answered INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,
    prompt_tokens INTEGER NOT NULL DEFAULT 0, completion_tokens INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY, job INTEGER, base_url TEXT NOT NULL, model TEXT NOT NULL, payer TEXT NOT NULL,
    role TEXT NOT NULL, revision TEXT, draw INTEGER NOT NULL, structured INTEGER NOT NULL, tokens INTEGER NOT NULL,
    usd REAL NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_job ON requests (job, base_url, model, payer, key);
CREATE TABLE IF NOT EXISTS tries (key TEXT PRIMARY KEY, failed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unknown (base_url TEXT, model TEXT, name TEXT, PRIMARY KEY (base_url, model, name));
"""
_JOB = (
    "number, mark, base_url, model, payer, state, requests, tokens, usd, tried_at, file_id, batch_id, status, "
    "output_file_id, error_file_id, errors, answered, cancelled"
)
_LINE_FRAME = 140  # bytes of a line beside its body


class BatchUsage(NamedTuple):
    """The tokens of the answers of ended batches, by model."""

    model: str
    prompt_tokens: int
    completion_tokens: int


class Ledger:
    """The batches of one build, in a SQLite file beside its records; the holder of the records may write to it.

    Raises:
        UsageError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._as_our_errors():
            self._file = sqlite3.connect(path, isolation_level=None)
            self._file.execute("PRAGMA journal_mode = WAL")
            # What is written here was paid for, or is about to be: it must survive a power failure.
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.executescript(_CREATE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @contextmanager
    def wave(self) -> Iterator[None]:
        """Within it requests are wanted; what waited before is forgotten, since what is needed is wanted again."""
        with self._transaction():
            # A changed command may not need them any more.
            self._run("DELETE FROM requests WHERE job IS NULL")
            yield

    def want(self, queue: Queue, request: Request, body: RequestBody, tokens: int, usd: float) -> None:
        """Has a request wait for a batch, unless it waits or is in one already; on disk after the wave."""
        asked = (request.ask.role.value, request.model.revision, request.draw, body.structured)
        self._run(
            # Several candidates may ask the same; it is sent once.
            "INSERT OR IGNORE INTO requests VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (request.key, *queue, *asked, tokens, usd, body.data),
        )

    def holds(self, key: str) -> bool:
        """Whether the request is in a batch that is not imported yet."""
        return bool(self._all("SELECT 1 FROM requests WHERE key = ? AND job IS NOT NULL", (key,)))

    def tries(self, key: str) -> int:
        """In how many batches the request had a transient failure."""
        return next((failed for (failed,) in self._all("SELECT failed FROM tries WHERE key = ?", (key,))), 0)

    def waiting(self) -> list[tuple[Queue, int]]:
        """The queues in which requests wait, with how many."""
        rows = self._all(
            "SELECT base_url, model, payer, count(*) FROM requests WHERE job IS NULL GROUP BY base_url, model, payer "
            "ORDER BY base_url, model, payer"
        )
        return [(Queue(base_url, model, Role(payer)), number) for base_url, model, payer, number in rows]

    def sizes(self, queue: Queue) -> Iterator[RequestSize]:
        """The sizes of the requests that wait in a queue, in the order of their keys."""
        for key, size, tokens, usd in self._run(
            "SELECT key, length(body), tokens, usd FROM requests "
            "WHERE job IS NULL AND base_url = ? AND model = ? AND payer = ? ORDER BY key",
            queue,
        ):
            yield RequestSize(key, size + _LINE_FRAME, tokens, usd)

    def add_job(self, queue: Queue, plan: BatchPlan) -> Job:
        """Makes a job of the planned requests."""
        with self._transaction():
            row = (uuid.uuid4().hex, *queue, JobState.CUT, len(plan.keys), plan.tokens, plan.usd)
            fields = "mark, base_url, model, payer, state, requests, tokens, usd"
            number = self._run(f"INSERT INTO jobs ({fields}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid
            self._many("UPDATE requests SET job = ? WHERE key = ?", ((number, key) for key in plan.keys))
        return self._job(f"WHERE number = {number}")[0]

    def open_jobs(self) -> list[Job]:
        """The jobs that are not done, oldest first."""
        return self._job(f"WHERE state != '{JobState.DONE}' ORDER BY number")

    def lines(self, job: Job) -> Iterator[bytes]:
        """The lines of a job's input file, always in the same order."""
        for key, body in self._run("SELECT key, body FROM requests WHERE job = ? ORDER BY key", (job.number,)):
            yield line_of(key, body)

    def keys(self, job: Job) -> list[str]:
        """The keys of a job's requests, in the order of its lines."""
        return [key for (key,) in self._all("SELECT key FROM requests WHERE job = ? ORDER BY key", (job.number,))]

    def find(self, job: Job, key: str) -> QueuedRequest | None:
        """The request of this key in a job."""
        fields = "key, role, model, revision, draw, structured"
        for row in self._all(f"SELECT {fields} FROM requests WHERE key = ? AND job = ?", (key, job.number)):
            _, role, model, revision, draw, structured = row
            return QueuedRequest(key, Role(role), model, revision, draw, bool(structured))
        return None

    def body(self, key: str) -> bytes:
        """The body of a request as it is sent."""
        return bytes(self._all("SELECT body FROM requests WHERE key = ?", (key,))[0][0])

    def move(self, job: Job, state: JobState, **changes: Any) -> Job:
        """Writes a job's new state, and its other changes."""
        changes["state"] = state
        if state in (JobState.UPLOADING, JobState.CREATING):
            # What was sent at this time may appear in the provider's lists only a little later.
            changes["tried_at"] = time.time()
        names = ", ".join(f"{name} = ?" for name in changes)
        self._write(f"UPDATE jobs SET {names} WHERE number = ?", (*changes.values(), job.number))
        return self._job(f"WHERE number = {job.number}")[0]

    def settle(self, job: Job, failed: Iterable[str], usage: tuple[int, int] = (0, 0), *, again: bool = False) -> None:
        """Marks a job as imported; its answers are on record.

        Args:
            job: which.
            failed: keys of requests with a transient failure, which lose a try.
            usage: prompt and completion tokens of its answers.
            again: whether the requests that are still in it wait again in this wave; otherwise the next wave adds them.
        """
        with self._transaction():
            self._many(
                "INSERT INTO tries VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET failed = failed + 1",
                ((key,) for key in failed),
            )
            # Deleted by default: the next wave wants again what still has no answer, and counts its tries.
            left = "UPDATE requests SET job = NULL" if again else "DELETE FROM requests"
            self._run(f"{left} WHERE job = ?", (job.number,))
            changed = (JobState.TAKEN, *usage, job.number)
            self._run("UPDATE jobs SET state = ?, prompt_tokens = ?, completion_tokens = ? WHERE number = ?", changed)

    def drop(self, keys: Iterable[str]) -> None:
        """Deletes requests that are on record."""
        with self._transaction():
            self._many("DELETE FROM requests WHERE key = ?", ((key,) for key in keys))

    def usage(self) -> list[BatchUsage]:
        """The tokens of the answers of all batches so far."""
        sums = "SELECT model, sum(prompt_tokens), sum(completion_tokens) FROM jobs GROUP BY model ORDER BY model"
        return [BatchUsage(*row) for row in self._all(sums)]

    def learn(self, base_url: str, model: str, name: str) -> None:
        """Notes that an endpoint refuses a parameter."""
        self._write("INSERT OR IGNORE INTO unknown VALUES (?, ?, ?)", (base_url, model, name))

    def unknown(self, base_url: str, model: str) -> list[str]:
        """The parameters that an endpoint refuses."""
        found = "SELECT name FROM unknown WHERE base_url = ? AND model = ? ORDER BY name"
        return [name for (name,) in self._all(found, (base_url, model))]

    def _job(self, where: str) -> list[Job]:
        return [_job_of(row) for row in self._all(f"SELECT {_JOB} FROM jobs {where}")]

    def _all(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        return self._run(statement, values).fetchall()

    def _write(self, statement: str, values: Iterable[Any] = ()) -> None:
        self._run(statement, values)

    def _run(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        with self._as_our_errors():
            return self._file.execute(statement, tuple(values))

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._as_our_errors():
            self._file.executemany(statement, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._file.in_transaction:
                self._run("ROLLBACK")
            raise

    @contextmanager
    def _as_our_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UsageError(
                f"the list of batches at {self._path} cannot be used: {error}; make room or mend the disk, and repeat "
                "the same command. While batches run, it is what finds them again: do not take it away"
            ) from None


# A row in the order of `_JOB`.
def _job_of(row: tuple[Any, ...]) -> Job:
    number, mark, base_url, model, payer, state, *rest, cancelled = row
    values = [*rest, bool(cancelled)]
    return Job(number, mark, Queue(base_url, model, Role(payer)), JobState(state), *values)


# A completer whose answers come later, from a batch.


class Deferred(Exception):  # noqa: N818 - no failure: it ends a conversation for now
    """The answer is not there yet: the request waits for a batch, and what asked it is to come back after that."""


class QueueingClient:
    """A completer that answers known requests, and puts every other one into the ledger, to wait for a batch.

    Args:
        queue: of its requests.
        known: the store that answers are looked up in.
        ledger: inside a `wave`.
        dialect: the parameters that the endpoint accepts.
        tries: batches after which a transient failure is the answer.
        price: of a call in a batch; None if the model has no price.
    """

    def __init__(
        self, queue: Queue, known: AnswerStore, ledger: Ledger, dialect: Dialect, tries: int, price: Price | None
    ) -> None:
        self._queue = queue
        self._known = known
        self._ledger = ledger
        self._dialect = dialect
        self._tries = tries
        self._price = price

    async def complete(self, request: Request) -> Outcome:
        """The known outcome; a transient failure only after `tries` batches.

        Raises:
            Deferred: there is no answer yet.
        """
        # Transient failures on record are ignored first, because another batch may bring a reply.
        found = self._known.find(request.key)
        if found is None and self._ledger.tries(request.key) >= self._tries:
            found = self._known.find(request.key, include_transient=True)
        if found is not None:
            return found
        tokens = estimate_prompt_tokens(request)
        usd = 0.0
        if self._price is not None:
            usd = (tokens * self._price.prompt + request.sampling.max_tokens * self._price.completion) / 1e6
        self._ledger.want(self._queue, request, self._dialect.body(request), tokens, usd)
        raise Deferred
