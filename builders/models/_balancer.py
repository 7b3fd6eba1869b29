"""A completer over several places that serve one model."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...schemas.errors import EndpointError
from ...schemas.inference import Failed, FailureReason, Outcome, Request
from .client import Completer

# Which of several places that serve one model is asked next: the healthy one with the fewest calls in flight.
#
# The rules are our own and small, since what balances HTTP elsewhere is a proxy of its own, or costs more than the
# call.


# A place that fails is set aside, for twice as long after each further failure.
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 60.0


@dataclass
class Backend:
    """The state of one place."""

    in_flight: int = 0
    """Calls that were sent there and have not ended."""
    begun: int = 0
    """Calls that were ever sent there."""
    failures: int = 0
    """Consecutive failures; calls that were sent before it was set aside count once."""
    until: float = 0.0
    """When it may be asked again, by the caller's clock."""


class Places:
    """Chooses among several backends by the outcome of earlier calls; it sends nothing and has no clock of its own.

    A place that fails is set aside, each time in a row for twice as long, up to a minute; then one call tries it, and
    where that is answered, it is as good as any. Where all are set aside, the one whose pause ends first is asked: so
    several that are down look like one that is.

    Args:
        number: how many there are, from 1.
        first_pause_s: seconds for which the first failure sets a place aside.
        longest_pause_s: the most that any number of failures comes to.
    """

    def __init__(
        self, number: int, *, first_pause_s: float = _FIRST_PAUSE_S, longest_pause_s: float = _LONGEST_PAUSE_S
    ) -> None:
        self.all = tuple(Backend() for _ in range(number))
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s

    def begin(self, now: float) -> int:
        """The place for a call that is sent `now`: its number; `end` is to be told of it.

        Of places with as many calls in flight, the one that was asked less often.
        """
        open_ones = [number for number, place in enumerate(self.all) if self._is_open(place, now)]
        if open_ones:
            chosen = min(open_ones, key=lambda number: (self.all[number].in_flight, self.all[number].begun))
        else:
            # All are set aside: the one that is due first gets the call, since no place at all would be worse.
            chosen = min(range(len(self.all)), key=lambda number: (self.all[number].until, self.all[number].in_flight))
        self.all[chosen].in_flight += 1
        self.all[chosen].begun += 1
        return chosen

    def end(self, number: int, now: float, *, well: bool | None, pause_s: float | None = None) -> None:
        """Take in how a call there ended.

        Args:
            number: what `begin` gave.
            now: when it ended.
            well: whether the place did its duty; None where nothing is known, as of a call that was cancelled.
            pause_s: how long the place asked to be left alone, where it did.
        """
        place = self.all[number]
        place.in_flight -= 1
        if well:
            place.failures, place.until = 0, 0.0
        # Calls that were in flight when the place was set aside fail with it, and must not double its pause again.
        elif well is False and now >= place.until:
            place.failures += 1
            doubled = self._first_pause_s * 2.0 ** min(place.failures - 1, 30)
            place.until = now + min(self._longest_pause_s, max(doubled, pause_s or 0.0))

    # Whether it may be asked; after failures by one call at a time.
    def _is_open(self, place: Backend, now: float) -> bool:
        return now >= place.until and not (place.failures and place.in_flight)


logger = logging.getLogger(__name__)


class LoadBalanced:
    """A completer that asks one of several, see `Places`; each call is one attempt at one place.

    A repeated call goes to another backend, since the one that failed is set aside. So what is counted and
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

    # A failure that another try may mend, elsewhere; `error` itself where no place is left.
    def _pass_over(self, number: int, request: Request, error: EndpointError) -> Failed:
        if number not in self._useless:
            self._useless.add(number)
            logger.warning("%s is passed over: %s", self._names[number], error)
        if len(self._useless) == len(self._inner):
            raise error
        return Failed(key=request.key, reason=FailureReason.SERVER_ERROR, detail=f"{self._names[number]} is of no use")
