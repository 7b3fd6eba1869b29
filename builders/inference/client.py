"""The seam: whatever can answer a request is a model."""

from typing import Protocol

from ...schemas.inference import Outcome, Request


class Completer(Protocol):
    """Answers requests: an endpoint, an embedded model, a script in a test, or a wrapper of another one."""

    async def complete(self, request: Request) -> Outcome:
        """One answer, or why there is none.

        Raises:
            EndpointError: the endpoint as a whole is of no use (wrong key, unknown model, nobody there).
        """
        ...


class Store(Protocol):
    """Where outcomes are found and kept: the records of one build, or these and what others have published."""

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        """What is known under a request's key; what failed in passing only where that is asked for."""
        ...

    def put(self, request: Request, outcome: Outcome) -> None:
        """Keeps what a request came to."""
        ...
