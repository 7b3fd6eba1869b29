"""Asking again where that may help, and giving an endpoint up where it does not."""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import Field
from tenacity import AsyncRetrying, RetryCallState, wait_exponential, wait_random

from ...schemas.base import Frozen
from ...schemas.errors import EndpointError
from ...schemas.inference import Failed, FailureReason, Outcome, Request
from .budget import Meter
from .client import Completer

Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""

_NOT_REACHED = (FailureReason.CONNECTION, FailureReason.TIMEOUT)


class RetryPolicy(Frozen):
    """Limits on the retries of a call."""

    attempts: int = Field(default=8, ge=1)
    """Tries in all; eight outlast a limit that is counted by the minute."""
    timeout_attempts: int = Field(default=3, ge=1)
    """Tries for a call that gets no answer within its deadline, which is patient already."""
    first_wait_s: float = Field(default=0.5, ge=0)
    """Seconds before the second try; doubles from there."""
    jitter_s: float = Field(default=0.5, ge=0)
    """At most so many seconds on top, at random, so that calls that failed together do not come back together."""
    max_wait_s: float = Field(default=60.0, ge=0)
    """The longest wait, whatever the endpoint asks for."""
    nobody_there_attempts: int = Field(default=3, ge=1)
    """Tries for an endpoint that never answered and cannot be connected to."""
    failed_in_a_row: int = Field(default=10, ge=1)
    """Calls that failed for good, one after another, after which the endpoint is given up."""


class Retrying:
    """A completer that repeats what failed in passing; one that is answered at once pays nothing for it.

    Args:
        inner: what is asked.
        policy: how often.
        meter: where retries are counted.
        sleep: waits; a test passes its own.
        place: the endpoint, for messages: its host and port.
    """

    def __init__(
        self,
        inner: Completer,
        policy: RetryPolicy | None = None,
        meter: Meter | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
        place: str = "the endpoint",
    ) -> None:
        self._inner = inner
        self._policy = policy or RetryPolicy()
        self._meter = meter or Meter()
        self._sleep = sleep
        self._place = place
        self._reached = False
        self._failed_in_a_row = 0
        growing = wait_exponential(multiplier=self._policy.first_wait_s, max=self._policy.max_wait_s)
        self._backoff = growing + wait_random(0, self._policy.jitter_s)

    async def complete(self, request: Request) -> Outcome:
        """The first outcome that is not passing failure, or the last of all tries.

        Raises:
            EndpointError: no server answers, or too many calls in a row failed for good.
        """
        outcome = await self._try(request)
        if isinstance(outcome, Failed) and outcome.transient:
            outcome = await self._repeat(request, outcome)
            if isinstance(outcome, Failed) and outcome.transient:
                self._count_failed(outcome)
                return outcome
        self._failed_in_a_row = 0
        return outcome

    async def _try(self, request: Request) -> Outcome:
        outcome = await self._inner.complete(request)
        if not (isinstance(outcome, Failed) and outcome.reason in _NOT_REACHED):
            self._reached = True
        return outcome

    # What the policy comes to, the first try being made already.
    async def _repeat(self, request: Request, first: Failed) -> Outcome:
        made: list[Outcome] = [first]

        async def attempt() -> Outcome:
            return made.pop() if made else await self._try(request)

        policy = AsyncRetrying(
            retry=lambda state: _is_transient(_last(state)),
            stop=self._is_enough,
            wait=self._wait_s,
            sleep=self._sleep,
            before_sleep=self._count_retry,
            retry_error_callback=_last,
        )
        return await policy(attempt)

    def _is_enough(self, state: RetryCallState) -> bool:
        limit, reason = self._policy.attempts, _reason(state)
        if reason is FailureReason.TIMEOUT:
            limit = min(limit, self._policy.timeout_attempts)
        elif reason is FailureReason.CONNECTION and not self._reached:
            limit = min(limit, self._policy.nobody_there_attempts)
        return state.attempt_number >= limit

    def _wait_s(self, state: RetryCallState) -> float:
        asked = getattr(_last(state), "retry_after_s", None) or 0.0
        return min(self._policy.max_wait_s, max(asked, self._backoff(state)))

    def _count_retry(self, state: RetryCallState) -> None:
        self._meter.retries[_reason(state)] += 1

    def _count_failed(self, outcome: Failed) -> None:
        if not self._reached and outcome.reason is FailureReason.CONNECTION:
            raise EndpointError(
                f"no server answers at {self._place}: {outcome.detail}. Start the server or mend the base URL "
                "(NAME@http://HOST:PORT/v1), then repeat the same command"
            )
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._policy.failed_in_a_row:
            raise EndpointError(
                f"{self._failed_in_a_row} calls in a row to {self._place} failed for good, the last with "
                f"{outcome.reason}: {outcome.detail}. Every answer so far is kept; look after the endpoint, or lower "
                "--concurrency, and repeat the same command"
            )


def _last(state: RetryCallState) -> Outcome:
    assert state.outcome is not None
    outcome: Outcome = state.outcome.result()
    return outcome


def _is_transient(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.transient


def _reason(state: RetryCallState) -> FailureReason:
    outcome = _last(state)
    assert isinstance(outcome, Failed)
    return outcome.reason
