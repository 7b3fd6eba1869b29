"""Batches against a faithful server, by the unmodified client: whatever goes wrong, every request is answered once."""

from pathlib import Path

import pytest
from servers.asking import make_request
from servers.batch_parts import Trouble
from servers.batch_server import BatchServer
from servers.batching import KEY, QUICK, ask_in_batches
from servers.chat_server import Faults, RawAnswer

from ipm_prefdial.builders.models.batch.context import BatchLimits
from ipm_prefdial.builders.models.batch.ledger import Ledger
from ipm_prefdial.builders.models.budget import Price, Prices, estimate_prompt_tokens
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.errors import BudgetError, EndpointError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Outcome, Request

REQUESTS = [make_request(f"row {number}") for number in range(30)]
THREE_BATCHES = BatchLimits(requests=10, poll_s=0.01)


def check(server: BatchServer, outcomes: list[Outcome], requests: list[Request] = REQUESTS) -> None:
    """Each was answered, in its place, paid once, and nothing is left at the provider."""
    assert [outcome.key for outcome in outcomes] == [request.key for request in requests]
    for outcome, request in zip(outcomes, requests, strict=True):
        assert isinstance(outcome, Completion)
        assert outcome.text == f"You said: {request.messages[-1]['content']}"
    assert server.run_times == {request.key: 1 for request in requests}
    assert server.files == {}


def test_requests_are_split_and_answered_in_any_order(tmp_path: Path) -> None:
    with BatchServer(key=KEY) as server:
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, THREE_BATCHES))
        assert [len(batch.lines) for batch in server.batches.values()] == [10, 10, 10]
        assert server.asked.total() == 0
    assert not [file for file in tmp_path.iterdir() if KEY.encode() in file.read_bytes()]


def test_a_file_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    with BatchServer(trouble=Trouble(bytes=4000)) as server:
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, QUICK.model_copy(update={"megabytes": 0.004})))
        assert len(server.batches) > 2


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(refused_uploads=2, refused_creates=2),
        Trouble(lost_uploads=2),
        Trouble(lost_creates=3),
        Trouble(cut_downloads=2),
        Trouble(short_downloads=2),
        Trouble(short_by_lines=2),
        Trouble(short_by_lines=2, no_sizes=True),
        Trouble(unknown_files=2),
        Trouble(unknown_files=5),
        Trouble(expire=0.3),
        Trouble(fail=0.3),
        Trouble(miss=0.3),
        Trouble(expire=0.2, fail=0.2, miss=0.2, lost_creates=1, short_downloads=1, refused_creates=1),
    ],
    ids=lambda trouble: ",".join(name for name, value in vars(trouble).items() if value != vars(Trouble())[name]),
)
def test_what_goes_wrong_in_passing_is_mended_and_paid_once(tmp_path: Path, trouble: Trouble) -> None:
    with BatchServer(trouble=trouble) as server:
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, THREE_BATCHES))
        marks = [batch.about["metadata"]["ipm_prefdial"] for batch in server.batches.values()]
        assert len(set(marks)) == len(marks), "no job has two batches"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Trouble(expire=0.2, lasts=True), FailureReason.TIMEOUT),
        (Trouble(fail=0.2, lasts=True), FailureReason.SERVER_ERROR),
        (Trouble(miss=0.2, lasts=True), FailureReason.MALFORMED),
    ],
)
def test_a_request_that_fails_in_three_batches_is_a_named_failure(
    tmp_path: Path, trouble: Trouble, reason: FailureReason
) -> None:
    with BatchServer(trouble=trouble) as server:
        outcomes = ask_in_batches(server.url, tmp_path, REQUESTS)
        failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        assert {outcome.reason for outcome in failed} == {reason}
        assert 0 < len(failed) < len(REQUESTS) == len(outcomes)
        sent = [line["custom_id"] for batch in server.batches.values() for line in batch.lines]
        assert {sent.count(outcome.key) for outcome in failed} == {3}
        assert server.files == {}


def test_refusals_are_final_and_a_parameter_that_is_not_known_is_left_out(tmp_path: Path) -> None:
    refused = RawAnswer(400, {"error": {"message": "flagged by our content policy", "code": "content_filter"}})
    with BatchServer(
        faults=Faults(unsupported=frozenset({"seed", "max_tokens"})),
        raw=lambda body: refused if body["messages"][-1]["content"] == "row 7" else None,
    ) as server:
        outcomes = ask_in_batches(server.url, tmp_path, REQUESTS)
        assert [outcome.reason for outcome in outcomes if isinstance(outcome, Failed)] == [FailureReason.REFUSED]
        bodies = [line["body"] for line in list(server.batches.values())[-1].lines]
        assert all(not {"seed", "max_tokens"} & body.keys() and body["max_completion_tokens"] for body in bodies)
        batches = len(server.batches)
        more = [make_request(f"more {number}") for number in range(5)]
        assert len(ask_in_batches(server.url, tmp_path, more)) == 5
        assert len(server.batches) == batches + 1, "what was learnt is remembered"


def test_lines_that_are_no_requests_are_named_and_the_others_run(tmp_path: Path) -> None:
    with BatchServer(trouble=Trouble(bad_line=lambda body: body["messages"][-1]["content"] == "row 3")) as server:
        outcomes = ask_in_batches(server.url, tmp_path, REQUESTS)
        (failed,) = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
        assert (failed.key, failed.reason) == (REQUESTS[3].key, FailureReason.BAD_REQUEST)
        assert set(server.run_times.values()) == {1} and len(server.run_times) == 29


def test_a_file_that_is_not_taken_at_all_stops_the_build(tmp_path: Path) -> None:
    with BatchServer(models=("other",)) as server:
        with pytest.raises(EndpointError, match="does not exist for batches"):
            ask_in_batches(server.url, tmp_path, REQUESTS)
        assert server.files == {}
        server.models = ("mock",)
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS))


def test_enqueued_tokens_keep_to_the_limit(tmp_path: Path) -> None:
    limits = BatchLimits(requests=10, poll_s=0.01, tokens=150)
    with BatchServer() as server:
        most = 0

        def look(name: str) -> None:
            nonlocal most
            running = [one for one in server.batches.values() if one.about["status"] in ("validating", "in_progress")]
            most = max(most, len(running))

        server.on_call = look
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, limits))
        assert most == 1


def test_a_full_queue_is_waited_for_with_smaller_batches(tmp_path: Path) -> None:
    waits: list[float] = []
    with BatchServer(trouble=Trouble(enqueued_tokens=1000)) as server:
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, sleep=waits.append))
        refused = [one for one in server.batches.values() if one.about["status"] == "failed"]
        assert refused and max(waits) >= QUICK.poll_s


def test_the_budget_is_kept_and_batches_cost_half(tmp_path: Path) -> None:
    prices = Prices(models={"mock": Price(prompt=1000, completion=1000)})
    with BatchServer() as server:
        with pytest.raises(BudgetError, match="raise --budget"):
            ask_in_batches(server.url, tmp_path, REQUESTS, prices=prices, budget_usd=0.3)
        spent = len(server.run_times) * 19 * 1000 / 1e6 / 2
        assert 0.1 < spent <= 0.3
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, prices=prices, budget_usd=10))


def test_what_batches_that_run_may_cost_is_set_aside(tmp_path: Path) -> None:
    """The budget covers what ten requests may cost at most, and half of that again: so batches run one by one."""
    price = Price(prompt=1000, completion=1000)
    tokens = sum(estimate_prompt_tokens(one) + one.sampling.max_tokens for one in REQUESTS[:10])
    at_once = list[int]()

    def count(call: str) -> None:
        if call == "create":
            at_once.append(sum(batch.about["status"] != "completed" for batch in server.batches.values()))

    with BatchServer(on_call=count) as server:
        prices = Prices(models={"mock": price})
        outcomes = ask_in_batches(
            server.url, tmp_path, REQUESTS, THREE_BATCHES, prices=prices, budget_usd=1.5 * tokens * 1000 / 1e6 / 2
        )
        check(server, outcomes)
    assert len(at_once) > 1 and set(at_once) == {0}


def test_a_spent_account_stops_and_is_asked_again_later(tmp_path: Path) -> None:
    spent = RawAnswer(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}})
    with BatchServer() as server:
        server.raw = lambda body: spent if len(server.run_times) > 12 else None
        with pytest.raises(EndpointError, match="exceeded your quota"):
            ask_in_batches(server.url, tmp_path, REQUESTS)
        server.raw = None
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS))


def test_a_provider_that_only_fails_stops_the_build(tmp_path: Path) -> None:
    with BatchServer(trouble=Trouble(fail=1.0, lasts=True)) as server:
        for _ in range(4):
            with pytest.raises(EndpointError, match="none was answered"):
                ask_in_batches(server.url, tmp_path, REQUESTS)
        server.trouble = Trouble()
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS))


def test_a_wrong_key_and_no_batch_api_are_told(tmp_path: Path) -> None:
    with BatchServer(key="sk-other") as server, pytest.raises(EndpointError, match="Set OPENAI_API_KEY") as caught:
        ask_in_batches(server.url, tmp_path, REQUESTS)
    assert KEY not in str(caught.value)
    with BatchServer() as server, pytest.raises(EndpointError, match="no Batch API"):
        ask_in_batches(f"{server.url}/chat", tmp_path / "..", REQUESTS)


def test_cancelling_keeps_what_is_answered_and_leaves_nothing(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    with BatchServer() as server:

        def stop(seconds: float) -> None:
            if len(server.run_times) >= 15:
                raise EnoughError

        with pytest.raises(EnoughError):
            ask_in_batches(server.url, tmp_path, REQUESTS, THREE_BATCHES, sleep=stop)
        ask_in_batches(server.url, tmp_path, REQUESTS, THREE_BATCHES, cancel=True)
        assert {one.about["status"] for one in server.batches.values()} <= {"cancelled", "completed"}
        assert server.files == {}
        with Records(tmp_path / "records.sqlite") as records:
            assert sum(1 for _ in records.rows()) == len(server.run_times) >= 15
        with Ledger(tmp_path / "batches.sqlite") as ledger:
            assert ledger.open_jobs() == []
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, THREE_BATCHES))


def test_answers_that_are_on_record_before_the_books_are_closed_are_taken_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop between the two, which no call to the server marks."""
    settle = Ledger.settle

    def stop(*args: object, **more: object) -> None:
        raise KeyboardInterrupt

    with BatchServer(trouble=Trouble(expire=0.2, fail=0.2)) as server:
        monkeypatch.setattr(Ledger, "settle", stop)
        for _ in range(4):  # more often than a request may fail
            with pytest.raises(KeyboardInterrupt):
                ask_in_batches(server.url, tmp_path, REQUESTS)
        monkeypatch.setattr(Ledger, "settle", settle)
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS))


def test_a_file_with_more_than_a_batch_may_hold_is_refused_and_smaller_ones_go(tmp_path: Path) -> None:
    with BatchServer(trouble=Trouble(requests=12)) as server:
        with pytest.raises(EndpointError, match="larger than a batch may be"):
            ask_in_batches(server.url, tmp_path, REQUESTS)
        assert server.files == {} and not server.run_times
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, THREE_BATCHES))


def test_somebody_elses_cancelling_is_not_paid_against(tmp_path: Path) -> None:
    with BatchServer() as server:

        def cancel(name: str) -> None:
            for batch in server.batches.values():
                if len(server.run_times) and batch.about["status"] == "in_progress":
                    batch.about["status"] = "cancelling"

        server.on_call = cancel
        with pytest.raises(EndpointError, match="not by this command"):
            ask_in_batches(server.url, tmp_path, REQUESTS)
        assert server.files == {}
        server.on_call = lambda name: None
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS))


def test_ten_requests_of_which_none_is_answered_stop_the_build(tmp_path: Path) -> None:
    failing = Trouble(fail=1.0, lasts=True)
    with BatchServer(trouble=failing) as server, pytest.raises(EndpointError, match="none was answered"):
        ask_in_batches(server.url, tmp_path, REQUESTS[:10])


def test_a_lost_answer_is_looked_for_when_the_provider_has_had_time_to_list_it(tmp_path: Path) -> None:
    waits = list[float]()
    with BatchServer(trouble=Trouble(lost_creates=1)) as server:
        check(server, ask_in_batches(server.url, tmp_path, REQUESTS, BatchLimits(poll_s=5), sleep=waits.append))
    assert any(4 < wait < 5 for wait in waits), "the rest of the time between two looks"
