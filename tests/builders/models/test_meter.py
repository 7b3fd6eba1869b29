"""The counters of several models add up."""

from ipm_prefdial.builders.models.budget import Meter, Price, Snapshot
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason


def test_snapshot_is_what_was_counted() -> None:
    meter = Meter(Price(prompt=1e6, completion=2e6))
    meter.calls = 3
    meter.count(Completion(key="k", text="", finish_reason="stop", prompt_tokens=5, completion_tokens=2))
    meter.count(Failed(key="k", reason=FailureReason.REFUSED, detail=""))
    meter.retries[FailureReason.TIMEOUT] += 1
    meter.without.add("seed")
    assert meter.snapshot() == Snapshot(
        calls=3,
        answered=1,
        failed=1,
        prompt_tokens=5,
        completion_tokens=2,
        cost_usd=9,
        retries={FailureReason.TIMEOUT: 1},
        without=("seed",),
    )


def test_snapshots_add_up_and_an_unknown_cost_stays_unknown() -> None:
    one = Snapshot(calls=2, answered=1, from_records=1, cost_usd=1, retries={FailureReason.TIMEOUT: 1}, without=("b",))
    two = Snapshot(calls=3, failed=3, cost_usd=2, retries={FailureReason.TIMEOUT: 2}, without=("a", "b"))
    both = one.plus(two)
    assert (both.calls, both.answered, both.failed, both.cost_usd) == (5, 1, 3, 3)
    assert (both.retries, both.without) == ({FailureReason.TIMEOUT: 3}, ("a", "b"))
    assert both.plus(Snapshot()).cost_usd is None


def test_a_known_name_keeps_its_own_count_when_there_are_too_many_names() -> None:
    meter = Meter()
    for number in range(30):
        meter.note_served("http://localhost:1", f"model-{number}")
    kept = set(meter.served_as)
    meter.note_served("http://localhost:1", "model-0")
    assert meter.served_as["model-0"] == 2
    assert set(meter.served_as) == kept, "the others are counted together"
