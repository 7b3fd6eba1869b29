"""What may mend itself is asked again, for as long as the policy says, and an endpoint that is gone is given up."""

import pytest
from servers.asking import make_request

from ipm_prefdial.builders.models._retry import Retrying, RetryPolicy
from ipm_prefdial.builders.models.budget import Meter
from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.schemas.errors import EndpointError
from ipm_prefdial.schemas.inference import TRANSIENT, Completion, Failed, FailureReason, Outcome, Request


class Waits(list[float]):
    """A sleep that only writes down for how long."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


def failed(reason: FailureReason, retry_after_s: float | None = None) -> Failed:
    return Failed(key="", reason=reason, detail="because", retry_after_s=retry_after_s)


async def test_first_success_waits_for_nothing() -> None:
    waits = Waits()
    outcome = await Retrying(ScriptedCompleter(["yes"]), sleep=waits.sleep).complete(make_request())
    assert isinstance(outcome, Completion) and waits == []


@pytest.mark.parametrize("reason", sorted(TRANSIENT))
async def test_passing_failures_are_tried_again(reason: FailureReason) -> None:
    waits, meter = Waits(), Meter()
    inner = ScriptedCompleter([failed(reason), failed(reason), "yes"])
    outcome = await Retrying(inner, meter=meter, sleep=waits.sleep).complete(make_request())
    assert isinstance(outcome, Completion)
    assert meter.snapshot().retries == {reason: 2}
    assert len(waits) == 2 and 0.5 <= waits[0] <= 1.0 and 1.0 <= waits[1] <= 1.5


@pytest.mark.parametrize("reason", sorted(set(FailureReason) - TRANSIENT))
async def test_final_failures_are_not(reason: FailureReason) -> None:
    inner = ScriptedCompleter([failed(reason)])
    outcome = await Retrying(inner, sleep=Waits().sleep).complete(make_request())
    assert isinstance(outcome, Failed) and outcome.reason is reason


async def test_last_failure_is_returned_when_attempts_are_used_up() -> None:
    waits = Waits()
    inner = ScriptedCompleter([failed(FailureReason.SERVER_ERROR)] * 6)
    outcome = await Retrying(inner, RetryPolicy(attempts=6), sleep=waits.sleep).complete(make_request())
    assert isinstance(outcome, Failed) and len(inner.requests) == 6 and len(waits) == 5


@pytest.mark.parametrize(("asked", "waited"), [(0.001, 1.0), (7.0, 7.0), (600.0, 60.0)])
async def test_wait_that_is_asked_for_is_kept_up_to_a_cap(asked: float, waited: float) -> None:
    waits = Waits()
    inner = ScriptedCompleter([failed(FailureReason.RATE_LIMITED, asked), "yes"])
    await Retrying(inner, RetryPolicy(jitter_s=0, first_wait_s=1), sleep=waits.sleep).complete(make_request())
    assert waits == [waited]


async def test_waits_grow_to_the_cap() -> None:
    waits = Waits()
    policy = RetryPolicy(attempts=12, jitter_s=0, first_wait_s=1, max_wait_s=60)
    inner = ScriptedCompleter([failed(FailureReason.SERVER_ERROR)] * 12)
    await Retrying(inner, policy, sleep=waits.sleep).complete(make_request())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


async def test_too_many_failures_in_a_row_end_the_run() -> None:
    inner = ScriptedCompleter(lambda _: failed(FailureReason.SERVER_ERROR))
    model = Retrying(inner, RetryPolicy(attempts=2), sleep=Waits().sleep, place="h:1")
    for _ in range(9):
        assert isinstance(await model.complete(make_request()), Failed)
    with pytest.raises(EndpointError, match=r"10 calls in a row to h:1 .*server_error: because.*same command"):
        await model.complete(make_request())


@pytest.mark.parametrize("between", ["a reply", failed(FailureReason.REFUSED)])
async def test_any_answer_ends_the_row_of_failures(between: Outcome | str) -> None:
    lines: list[Outcome | str] = [*[failed(FailureReason.MALFORMED)] * 2, between]
    model = Retrying(ScriptedCompleter(lines * 5), RetryPolicy(attempts=1, failed_in_a_row=3))
    for _ in range(15):
        await model.complete(make_request())


async def test_endpoint_where_nobody_is_fails_soon() -> None:
    waits = Waits()
    inner = ScriptedCompleter(lambda _: failed(FailureReason.CONNECTION))
    with pytest.raises(EndpointError, match=r"no server answers at localhost:8000: because\. Start the server"):
        await Retrying(inner, sleep=waits.sleep, place="localhost:8000").complete(make_request())
    assert len(inner.requests) == 3 and sum(waits) < 5


async def test_endpoint_that_was_there_before_gets_all_the_tries() -> None:
    inner = ScriptedCompleter(["yes", *[failed(FailureReason.CONNECTION)] * 8])
    model = Retrying(inner, sleep=Waits().sleep)
    await model.complete(make_request())
    assert isinstance(await model.complete(make_request()), Failed)
    assert len(inner.requests) == 9


async def test_slow_endpoint_is_not_taken_for_an_absent_one() -> None:
    inner = ScriptedCompleter([failed(FailureReason.TIMEOUT)] * 3)
    assert isinstance(await Retrying(inner, sleep=Waits().sleep).complete(make_request()), Failed)
    assert len(inner.requests) == 3


async def test_error_while_trying_again_comes_through_as_it_is() -> None:
    class Closing:
        tries = 0

        async def complete(self, request: Request) -> Outcome:
            self.tries += 1
            if self.tries == 2:
                raise EndpointError("HTTP 401")
            return failed(FailureReason.SERVER_ERROR)

    with pytest.raises(EndpointError, match="HTTP 401"):
        await Retrying(Closing(), sleep=Waits().sleep).complete(make_request())
