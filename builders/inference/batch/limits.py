"""How much goes into one batch, and how patiently it is waited for."""

from pydantic import Field

from ....schemas.base import Frozen


class BatchLimits(Frozen):
    """What a provider takes at most; the defaults are OpenAI's."""

    requests: int = Field(default=50_000, ge=1)
    """Requests in one batch."""
    megabytes: float = Field(default=200.0, gt=0)
    """Size of one input file, in millions of bytes."""
    tokens: int | None = Field(default=None, ge=1)
    """Estimated prompt tokens in all unfinished batches of a model; None leaves it to the provider to refuse."""
    tries: int = Field(default=3, ge=1)
    """Batches that a request may fail in, expire in or be missing from before it is a drop."""
    poll_s: float = Field(default=30.0, gt=0)
    """Seconds between two looks at the batches; a submit whose answer was lost is looked for after as long."""

    @property
    def size(self) -> int:
        """Bytes of one input file."""
        return int(self.megabytes * 1e6)
