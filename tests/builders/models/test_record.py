"""Records keep every outcome, and say so when they cannot."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.asking import make_request

from ipm_prefdial.builders.models import record, record_file
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.builders.models.record_file import Recorded, Spent
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Outcome, Role, Task

text = st.text(st.characters(exclude_categories=["Cs"]))
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(
        Completion,
        key=st.just("k"),
        text=text,
        finish_reason=text,
        prompt_tokens=st.integers(0, 2**53),
        completion_tokens=st.integers(0, 2**53),
        structured=st.booleans(),
    ),
    st.builds(
        Failed,
        key=st.just("k"),
        reason=st.sampled_from(FailureReason),
        detail=text,
        retry_after_s=st.none() | st.floats(0, 1e6),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite"


def replied(key: str, words: str = "I hear you.") -> Completion:
    return Completion(key=key, text=words, finish_reason="stop", prompt_tokens=5, completion_tokens=3)


def failed(key: str, reason: FailureReason) -> Failed:
    return Failed(key=key, reason=reason, detail="no")


def test_outcome_is_found_before_and_after_it_is_durable(path: Path) -> None:
    request = make_request()
    with Records(path, batch_interval_s=60) as records:
        records.put(request, replied(request.key))
        assert records.find(request.key) == replied(request.key)
        records.flush()
        assert records._pending == {}
        assert records.find(request.key) == replied(request.key)
    with Records(path) as records:
        assert records.find(request.key) == replied(request.key)
        assert records.find("another") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(outcome=outcomes)
def test_outcome_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, outcome: Outcome) -> None:
    with Records(tmp_path_factory.mktemp("r") / "r.sqlite") as records:
        records.put_many([Recorded("k", Role.JUDGE, "m", None, 0, outcome)])
        records.flush()
        assert records.find("k", include_transient=True) == outcome
        assert [row.outcome for row in records.rows()] == [outcome]


async def test_awaited_flush_makes_rows_durable(path: Path) -> None:
    with Records(path, batch_interval_s=60) as records:
        for draw in range(20):
            request = make_request(draw=draw)
            records.put(request, replied(request.key))
        await records.aflush()
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT count(*) FROM outcomes").fetchone() == (20,)
        other.close()


def test_who_puts_faster_than_the_disk_takes_waits_for_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipm_prefdial.builders.models.record._MOST_WAITING", 10)
    with Records(path, batch_interval_s=60) as records:
        waiting = []
        for draw in range(50):
            request = make_request(draw=draw)
            records.put(request, replied(request.key))
            waiting.append(len(records._pending))
    assert max(waiting) == 10
    with Records(path) as records:
        assert len(list(records.rows())) == 50


@pytest.mark.parametrize("flush_between", [True, False])
def test_transient_failure_is_kept_but_found_only_on_demand_and_gives_way(path: Path, flush_between: bool) -> None:
    request = make_request()
    with Records(path) as records:
        records.put(request, failed(request.key, FailureReason.TIMEOUT))
        if flush_between:
            records.flush()
        assert records.find(request.key) is None
        assert records.find(request.key, include_transient=True) == failed(request.key, FailureReason.TIMEOUT)
        records.put(request, replied(request.key))
        assert records.find(request.key) == replied(request.key)
        records.flush()
        assert records.find(request.key) == replied(request.key)
        assert len(list(records.rows())) == 1


@pytest.mark.parametrize("flush_between", [True, False])
@pytest.mark.parametrize("final", [FailureReason.REFUSED, FailureReason.BAD_REQUEST, None])
def test_final_outcome_stays_as_first_recorded(path: Path, final: FailureReason | None, flush_between: bool) -> None:
    request = make_request()
    first = failed(request.key, final) if final else replied(request.key)
    with Records(path) as records:
        records.put(request, first)
        if flush_between:
            records.flush()
        records.put(request, failed(request.key, FailureReason.TIMEOUT))
        records.put(request, replied(request.key, "something else"))
        records.flush()
        assert records.find(request.key) == first


def test_failures_can_be_forgotten_and_replies_stay(path: Path) -> None:
    asked = {name: make_request(name) for name in ("replied", "refused", "late")}
    outcomes = {
        "replied": replied(asked["replied"].key),
        "refused": failed(asked["refused"].key, FailureReason.BAD_REQUEST),
        "late": failed(asked["late"].key, FailureReason.TIMEOUT),
    }
    with Records(path) as records:
        for name, outcome in outcomes.items():
            records.put(asked[name], outcome)
        assert records.forget_failures() == 2
        found = {name: records.find(request.key, include_transient=True) for name, request in asked.items()}
        assert found == {"replied": outcomes["replied"], "refused": None, "late": None}
        records.put(asked["refused"], replied(asked["refused"].key, "After all."))
    with Records(path) as again:
        assert again.find(asked["refused"].key) == replied(asked["refused"].key, "After all.")


def test_totals_are_per_role_and_model_over_all_runs(path: Path) -> None:
    with Records(path) as records:
        for draw in range(3):
            request = make_request(draw=draw)
            records.put(request, replied(request.key))
    with Records(path) as records:
        judged = make_request(task=Task.JUDGE, model="j")
        records.put(judged, failed(judged.key, FailureReason.REFUSED))
        assert records.spent() == (
            Spent(role=Role.JUDGE, model=ModelRef(name="j"), calls=1, failed=1, prompt_tokens=0, completion_tokens=0),
            Spent(
                role=Role.RESPONDER,
                model=ModelRef(name="mock"),
                calls=3,
                failed=0,
                prompt_tokens=15,
                completion_tokens=9,
            ),
        )


def test_rows_tell_what_was_asked_of_whom_in_order_of_key(path: Path) -> None:
    rows = [Recorded(f"k{n}", Role.PLANNER, "m", "abc", n, replied(f"k{n}")) for n in range(5)]
    with Records(path) as records:
        records.put_many(reversed(rows))
        assert list(records.rows()) == rows


def test_two_writers_of_one_file_are_refused(path: Path) -> None:
    with Records(path), pytest.raises(UsageError, match="another build is writing"):
        Records(path)
    Records(path).close()


def test_file_of_another_program_is_left_alone(path: Path) -> None:
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE birds (name TEXT)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="another program"):
        Records(path)
    assert path.read_bytes() == before


def test_newer_format_is_refused(path: Path) -> None:
    Records(path).close()
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(UsageError, match="format 99"):
        Records(path)


@pytest.mark.parametrize("content", [b"these are not records\n" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_damaged_file_is_named(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be used") as caught:
        Records(path)
    assert str(path) in str(caught.value)


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        Records(tmp_path / "nowhere" / "records.sqlite")


def test_page_that_is_damaged_later_is_named_by_find(path: Path) -> None:
    with Records(path) as records:
        records.put_many(Recorded(f"{n:064d}", Role.JUDGE, "m", None, n, replied("k", "x" * 500)) for n in range(100))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(UsageError, match="records at"):
        Records(path)


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full after a few pages."""
    real: Callable[[Path], sqlite3.Connection] = record_file.connect

    def connect(path: Path) -> sqlite3.Connection:
        connection = real(path)
        connection.execute("PRAGMA max_page_count = 6")
        return connection

    monkeypatch.setattr(record, "connect", connect)


@pytest.mark.usefixtures("small_disk")
def test_full_disk_surfaces_and_what_was_committed_stays(path: Path) -> None:
    records = Records(path)
    first, second = make_request(draw=1), make_request(draw=2)
    records.put(first, replied(first.key))
    records.flush()
    records.put(second, replied(second.key, "x" * 100_000))
    with pytest.raises(UsageError, match=r"full.*1 calls of this run are safe.*repeat the same command") as caught:
        records.flush()
    assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="full"):
        records.put(second, replied(second.key))
    records.close()
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT key FROM outcomes").fetchall() == [(first.key,)]
    other.close()


@pytest.mark.usefixtures("small_disk")
def test_full_disk_that_nobody_asked_about_surfaces_at_close(path: Path) -> None:
    request = make_request()
    with pytest.raises(UsageError, match="full"), Records(path, batch_interval_s=60) as records:
        records.put(request, replied(request.key, "x" * 100_000))
    Records(path).close()


def test_closed_records_take_nothing_more(path: Path) -> None:
    records = Records(path)
    records.close()
    records.close()
    with pytest.raises(UsageError, match="closed"):
        records.put(make_request(), replied("k"))
    with pytest.raises(UsageError, match="cannot be read"):
        records.find("k")


WRITER = """
import sys
from pathlib import Path
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.builders.models.record_file import Recorded
from ipm_prefdial.schemas.inference import Completion, Role

with Records(Path(sys.argv[1])) as records:
    draw = 0
    while True:
        outcome = Completion(key=str(draw), text="x", finish_reason="stop")
        records.put_many([Recorded(str(draw), Role.JUDGE, "m", None, draw, outcome)])
        draw += 1
        if draw % 500 == 0:
            records.flush()
            print(draw, flush=True)
"""


def test_rows_become_durable_in_the_order_of_putting(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        flushed = [int(writer.stdout.readline()) for _ in range(4)][-1]
        writer.send_signal(signal.SIGKILL)
    with Records(path) as records:
        draws = sorted(row.draw for row in records.rows())
    assert draws == list(range(len(draws)))
    assert len(draws) >= flushed


def test_totals_of_impossible_usage_do_not_overflow(tmp_path: Path) -> None:
    with Records(tmp_path / "records.sqlite") as records:
        for draw in range(2000):
            request = make_request("x", draw=draw)
            most = 2**53 - 1 if draw else 5
            records.put(request, Completion(key=request.key, text="x", finish_reason="stop", prompt_tokens=most))
        (total,) = records.spent()
    assert (total.calls, total.prompt_tokens) == (2000, 5)
