"""A completer over several places that serve one model."""

import logging
import time
from collections.abc import Callable, Sequence

from ...schemas.errors import EndpointError
from ...schemas.inference import Failed, FailureReason, Outcome, Request
from .client import Completer
from .places import Places

logger = logging.getLogger(__name__)


class Spread:
    """A completer that asks one of several, see `Places`; each call is one attempt at one place.

    Whoever repeats a failed call comes to another place, since the one that failed is set aside. So what is counted and
    limited around this one holds for all places together.

    Args:
        inner: who is asked, one for each place.
        names: the places' hosts, for messages.
        clock: seconds that only grow; a test passes its own.
    """

    def __init__(
        self, inner: Sequence[Completer], names: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = tuple(inner)
        self._names = tuple(names)
        self._clock = clock
        self.places = Places(len(self._inner))
        self._useless: set[int] = set()

    async def complete(self, request: Request) -> Outcome:
        """One place's outcome.

        Raises:
            EndpointError: every place is of no use; while only some are, they are passed over with a warning.
        """
        number = self.places.begin(self._clock())
        well, pause_s = None, None
        try:
            outcome = await self._inner[number].complete(request)
            well = not (isinstance(outcome, Failed) and outcome.transient)
            pause_s = outcome.retry_after_s if isinstance(outcome, Failed) else None
            self._useless.discard(number)
            return outcome
        except EndpointError as error:
            well = False
            return self._pass_over(number, request, error)
        finally:
            self.places.end(number, self._clock(), well=well, pause_s=pause_s)

    def _pass_over(self, number: int, request: Request, error: EndpointError) -> Failed:
        """A failure that another try may mend, elsewhere; `error` itself where no place is left."""
        if number not in self._useless:
            self._useless.add(number)
            logger.warning("%s is passed over: %s", self._names[number], error)
        if len(self._useless) == len(self._inner):
            raise error
        return Failed(key=request.key, reason=FailureReason.SERVER_ERROR, detail=f"{self._names[number]} is of no use")
