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
