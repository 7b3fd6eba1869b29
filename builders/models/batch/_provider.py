"""The edge to a provider's Files and Batch APIs: the `openai` client, with its errors told in ours.

The client repeats nothing by itself: a repeated submit might be paid twice, so the caller looks first.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ....schemas.errors import EndpointError
from .._api_errors import ApiError, read_retry_after, shorten
from .._bodies import ACCEPTED, MOST_BYTES, CodingError, OverlongError, bounded_pieces, coding_of
from ..endpoint import Endpoint

if TYPE_CHECKING:
    from openai.types import Batch

MARK = "ipm_prefdial"
"""The name under which a batch's metadata holds the mark of its job."""

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
"""The provider's words for a batch that has ended."""

_LARGEST_LINE = 256 * 2**10
# Bytes of a result, and of a file of them: a reply has a few thousand, and a file is held whole.
_LARGEST_FILE = 2 * 2**30
# Bytes that come within the time of one call; more have more time.
_BYTES_IN_TIME = 64 * 2**20
# Ids go into paths of URLs and into log lines, and come from a server that we do not know.
_ID = re.compile(r"[\w.:/@+=-]{1,300}")
# No error code says that an input file is unknown, so the message has to.
_UNKNOWN_FILE = re.compile(
    r"(?:cannot find|no such|not found|does not exist|unknown).{0,40}file|file.{0,80}(?:not found|does not exist)",
    re.IGNORECASE,
)
_CANCELLABLE = frozenset({"validating", "in_progress"})


class Unsettled(Exception):  # noqa: N818 - a signal to try again, not a failure
    """A call failed in passing; where it was a submit, it may have been done nevertheless."""

    def __init__(self, said: str, wait_s: float = 0.0) -> None:
        super().__init__(said)
        self.wait_s = wait_s
        """Seconds that the provider asks to wait."""


class LostFileError(Unsettled):
    """The provider does not know an input file: not yet, or not any more."""


class RefusedError(EndpointError):
    """The provider will not take this file or batch, and made none."""


@dataclass(frozen=True)
class InputFault:
    """One thing that is wrong with an input file."""

    code: str
    message: str
    line: int | None
    """Number of the line, from 1, where it is about one."""


@dataclass(frozen=True)
class Remote:
    """The state of a batch at the provider."""

    id: str
    status: str
    answered: int
    """Requests that have a reply."""
    done: int
    """Requests that have a reply or failed."""
    output_file_id: str | None
    error_file_id: str | None
    faults: tuple[InputFault, ...]

    @property
    def cancellable(self) -> bool:
        """Whether it can still be stopped."""
        return self.status in _CANCELLABLE


class Provider:
    """Files and batches of one account.

    Every method raises `Unsettled` where trying again may help, and `EndpointError` where it does not.

    Args:
        endpoint: where, and with which key.
        timeout_s: seconds for one call, the upload of a large file included.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float = 600.0) -> None:
        from openai import DefaultHttpxClient, OpenAI

        self.endpoint = endpoint
        self._timeout_s = timeout_s
        self._most = MOST_BYTES
        key = endpoint.key.get_secret_value() if endpoint.key is not None else "none"
        self._client = OpenAI(
            base_url=endpoint.base_url,
            api_key=key,
            # A repeated POST could start a second batch: the runner repeats, after it has looked.
            max_retries=0,
            timeout=timeout_s,
            default_headers={"Accept-Encoding": ACCEPTED},
            http_client=DefaultHttpxClient(event_hooks={"response": [self._bound]}),
        )

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()

    def upload(self, name: str, content: IO[bytes]) -> str:
        """Sends an input file; its id."""
        with self._as_our_errors("an upload"):
            return self._client.files.create(file=(name, content, "application/jsonl"), purpose="batch").id

    def find_file(self, name: str, size: int) -> str | None:
        """The id of an input file that is there whole, or None."""
        with self._as_our_errors("the list of files"):
            for file in self._client.files.list(purpose="batch"):
                # An upload that broke off can leave a shorter file of the same name.
                if file.filename == name and file.bytes == size:
                    return str(file.id)
        return None

    def create(self, file_id: str, mark: str) -> Remote:
        """Starts a batch over an input file."""
        with self._as_our_errors("a new batch", lost_file=True):
            made = self._client.batches.create(
                completion_window="24h",
                endpoint="/v1/chat/completions",
                input_file_id=file_id,
                metadata={MARK: mark},
            )
            return _remote(made)

    def find_batches(self, mark: str, file_id: str) -> list[Remote]:
        """The batches that were started for a job, oldest first; more than one where an answer was lost.

        Args:
            mark: the job's.
            file_id: its input file, which no other job has: some servers keep no metadata.
        """

        def is_ours(batch: "Batch") -> bool:
            return batch.input_file_id == file_id or (batch.metadata or {}).get(MARK) == mark

        with self._as_our_errors("the list of batches"):
            found = [batch for batch in self._client.batches.list(limit=100) if is_ours(batch)]
            # The oldest is the one whose response was lost, and so the one that has run longest.
            return [_remote(batch) for batch in sorted(found, key=lambda batch: batch.created_at)]

    def retrieve(self, batch_id: str) -> Remote | None:
        """The state of a batch; None if the provider does not know it."""
        from openai import NotFoundError

        with self._as_our_errors(f"batch {batch_id}"):
            try:
                return _remote(self._client.batches.retrieve(batch_id))
            except NotFoundError:
                return None

    def cancel(self, batch_id: str) -> None:
        """Asks for the end of a batch; one that has ended meanwhile is left alone."""
        from openai import ConflictError

        with self._as_our_errors(f"the end of batch {batch_id}"):
            try:
                self._client.batches.cancel(batch_id)
            except ConflictError:
                return

    def download(self, file_id: str, requests: int) -> bytes | None:
        """The whole of a file of results; None where it is gone.

        Args:
            file_id: which.
            requests: of its batch: they bound its size.

        Raises:
            Unsettled: it came shorter than the provider says that it is, or longer than it can be.
        """
        from openai import NotFoundError

        with self._as_our_errors(f"file {file_id}"), self._room_for(requests):
            try:
                data = self._client.files.content(file_id).content
                size = self._client.files.retrieve(file_id).bytes
            except NotFoundError:
                return None
        if size and len(data) != size:
            raise Unsettled(f"file {file_id} came with {len(data)} of {size} bytes")
        return bytes(data)

    def delete(self, file_id: str) -> None:
        """Takes a file away; one that is gone already is fine."""
        from openai import NotFoundError

        with self._as_our_errors(f"the removal of file {file_id}"):
            try:
                self._client.files.delete(file_id)
            except NotFoundError:
                return

    @contextmanager
    def _room_for(self, requests: int) -> Iterator[None]:
        self._most = min(_LARGEST_FILE, MOST_BYTES + requests * _LARGEST_LINE)
        try:
            yield
        finally:
            self._most = MOST_BYTES

    # Bounds a response's body for every reader; the client calls this hook before the body is read.
    def _bound(self, response: Any) -> None:
        stream = response.stream
        kind = next(one for one in type(stream).__mro__ if one.__name__ == "SyncByteStream")
        coding = coding_of(response.headers)
        response.headers.pop("Content-Encoding", None)
        patience_s = self._timeout_s * max(1.0, self._most / _BYTES_IN_TIME)
        deadline = time.monotonic() + patience_s
        most = self._most
        members = {
            "__iter__": lambda _: bounded_pieces(stream, coding, most, deadline),
            "close": lambda _: stream.close(),
        }
        response.stream = type("BoundedStream", (kind,), members)()

    def mask(self, text: str) -> str:
        """`text`, shortened, without the key."""
        return shorten(self.endpoint.mask(text))

    # The client's errors as ours; with `lost_file`, a file that the provider does not know is a `LostFile`.
    @contextmanager
    def _as_our_errors(self, what: str, *, lost_file: bool = False) -> Iterator[None]:
        import openai

        host = self.endpoint.host
        try:
            yield
        except openai.APIStatusError as error:
            said = self.mask(f"{host} answered HTTP {error.status_code} to {what}: {error.message}")
            if lost_file and error.status_code in (400, 404) and _UNKNOWN_FILE.search(error.message):
                raise LostFileError(said) from None
            passing = error.status_code in (408, 409, 429) or error.status_code >= 500
            if passing and not ApiError(error.message, error.code or "", kind=error.type or "").is_spent:
                raise Unsettled(said, read_retry_after(error.response.headers) or 0.0) from None
            kind = RefusedError if error.status_code in (400, 413, 422) else EndpointError
            raise kind(f"{said}. {self._advice(error.status_code)}") from None
        except (openai.APIConnectionError, openai.APIResponseValidationError) as error:
            why = error.__cause__ if isinstance(error.__cause__, OverlongError | CodingError) else error
            raise Unsettled(self.mask(f"{host} gave no whole answer to {what}: {why}")) from None
        except openai.OpenAIError as error:
            raise EndpointError(self.mask(f"{host}, {what}: {error}")) from None
        except ValueError as error:  # a body that is not JSON
            raise Unsettled(self.mask(f"{host} gave no readable answer to {what}: {error}")) from None

    def _advice(self, status: int) -> str:
        variables = " or ".join(self.endpoint.key_variables)
        match status:
            case 401 | 403:
                note = self.endpoint.key_note
                return f"Set {variables} to a key that may use files and batches{note}, and repeat the same command"
            case 404 | 405:
                return "It has no Batch API, as it seems: leave --mode batch out, or name the roles that are to use it"
            case 402 | 429:
                return f"The account is spent: top it up, or set {variables} to another key, and repeat the command"
            case _:
                return "Everything so far is kept; mend it and repeat the same command"


def _remote(batch: "Batch") -> Remote:
    for name in (batch.id, batch.output_file_id, batch.error_file_id):
        if name is not None and not _ID.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is not an id of a batch or file")
    counts = batch.request_counts
    errors: list[Any] = (batch.errors.data or []) if batch.errors else []
    return Remote(
        id=batch.id,
        status=shorten(batch.status),
        answered=counts.completed if counts else 0,
        done=counts.completed + counts.failed if counts else 0,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        faults=tuple(InputFault(one.code or "", one.message or "", one.line) for one in errors),
    )
