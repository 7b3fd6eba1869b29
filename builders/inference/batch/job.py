"""A job: one batch on its way from waiting requests to recorded answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ....schemas.inference import Role


class JobState(StrEnum):
    """How far a job is; each state is on disk before what follows from it is sent."""

    CUT = "cut"
    """Its requests are settled, nothing was sent."""
    UPLOADING = "uploading"
    """The input file was sent; whether it came is not known yet."""
    UPLOADED = "uploaded"
    """The provider has the input file."""
    CREATING = "creating"
    """The batch was asked for; whether it was made is not known yet."""
    RUNNING = "running"
    """The provider has the batch."""
    ENDED = "ended"
    """The batch ended, one way or another; its files wait to be taken in."""
    TAKEN = "taken"
    """All that it brought is in the records; the files are still at the provider."""
    DONE = "done"
    """Nothing of it is left at the provider."""


class Queue(NamedTuple):
    """Requests that may share a batch: one model, in one place, paid by one key."""

    base_url: str
    model: str
    role: Role
    """Whose key pays, see `endpoint.resolve`."""


@dataclass(frozen=True)
class Job:
    """What is known of one batch."""

    number: int
    mark: str
    """Stands in the file's name and in the batch's metadata, so that both are recognised if an answer was lost."""
    queue: Queue
    state: JobState
    requests: int
    tokens: int
    """Estimated prompt tokens."""
    usd: float
    """What it may cost at most."""
    tried_at: float
    """When a file or a batch was last sent, Unix time; 0 before."""
    file_id: str | None
    batch_id: str | None
    status: str
    """The provider's word for how it stands."""
    output_file_id: str | None
    error_file_id: str | None
    errors: str
    """Where validation failed: what was wrong, as a JSON list."""
    answered: int
    """Replies that the provider says are in its output file."""
    cancelled: bool
    """Whether we asked for its end."""

    @property
    def file_name(self) -> str:
        """What its input file is called at the provider."""
        return f"ipm-prefdial-{self.mark}.jsonl"


class Asked(NamedTuple):
    """A request in a job, as far as its record needs it."""

    key: str
    role: Role
    model: str
    revision: str | None
    draw: int
    structured: bool
    """Whether the endpoint was asked to hold the reply to a JSON Schema."""
