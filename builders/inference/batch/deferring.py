"""A completer whose answers come later, from a batch."""

from ....schemas.inference import Outcome, Request
from ..budget import estimate_prompt_tokens
from ..client import Store
from ..dialect import Dialect
from ..prices import Price
from .job import Queue
from .ledger import Ledger


class Deferred(Exception):  # noqa: N818 - no failure: it ends a conversation for now
    """The answer is not there yet: the request waits for a batch, and what asked it is to come back after that."""


class Deferring:
    """A completer that answers what is known, and has every other request wait for a batch.

    Args:
        queue: where its requests wait.
        known: where answers are looked for.
        ledger: within a wave.
        dialect: the parameters that the endpoint takes.
        tries: batches after which a failure in passing is the answer.
        price: of a call in a batch; None where the model has none.
    """

    def __init__(
        self, queue: Queue, known: Store, ledger: Ledger, dialect: Dialect, tries: int, price: Price | None
    ) -> None:
        self._queue = queue
        self._known = known
        self._ledger = ledger
        self._dialect = dialect
        self._tries = tries
        self._price = price

    async def complete(self, request: Request) -> Outcome:
        """What is known; a failure in passing only where it has been tried often enough.

        Raises:
            Deferred: there is no answer yet.
        """
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
