"""Whole builds against a real HTTP server on loopback: one that misbehaves, and ones that will not have us."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, Faults, RawAnswer
from support.command import clean_environ, command_line
from support.persona import play_role

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.errors import BudgetError, EndpointError
from ipm_prefdial.schemas.manifest import Manifest

ROUGH = Faults(
    rate_limited=0.05,
    server_error=0.02,
    reset=0.01,
    cut=0.01,
    straggle=0.01,
    empty_choices=0.01,
    fenced=0.1,
    prose=0.1,
    wrong_enum=0.05,
    straggler_s=0.5,
)


def options(out: Path, url: str, *, dialogues: int = 6, **models: object) -> BuildOptions:
    """A build of the sample corpus in which the mock plays every role."""
    mock = (f"mock@{url}",)
    return BuildOptions(
        out=out,
        models=ModelOptions(planner=mock, responder=mock, judge=mock, **models),  # type: ignore[arg-type]
        limit=dialogues,
    )


def settled(manifest: Manifest) -> int:
    """Candidates of the preference configs that became a row or a named drop."""
    return sum(
        sum(manifest.counts[config].rows.values()) + sum(manifest.counts[config].dropped.values())
        for config in PAIR_CONFIGS
    )


def sent_twice(server: ChatServer) -> int:
    """Requests beyond the first with the same body."""
    return sum(times - 1 for times in server.asked.values())


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that behaves."""
    with ChatServer(play_role) as running:
        yield running


def test_every_candidate_of_a_misbehaving_endpoint_is_a_row_or_a_named_drop(tmp_path: Path) -> None:
    with ChatServer(play_role, faults=ROUGH) as rough:
        manifest = build(options(tmp_path / "release", rough.url, dialogues=20))
        met = dict(rough.met)
    assert {"rate_limited", "server_error", "fenced", "prose", "wrong_enum"} <= met.keys()
    candidates = sum(manifest.counts[config].candidates for config in PAIR_CONFIGS)
    assert settled(manifest) == candidates > 300
    reasons = Counter[DropReason]()
    for config in PAIR_CONFIGS:
        reasons.update(manifest.counts[config].dropped)
    assert DropReason.UNPARSED_VERDICT in reasons
    assert all(sum(manifest.counts[config].rows.values()) for config in PAIR_CONFIGS)
    release = Release(tmp_path / "release")
    assert list(validate_release(release)) == []
    assert verify_release(tmp_path / "release").differences == ()
    unread = [row for row in release.rows(Config.DROPPED) if row["reason"] == DropReason.UNPARSED_VERDICT]
    assert all("perhaps" in (row["chosen_verdict"]["raw"] + row["rejected_verdict"]["raw"]) for row in unread)


def test_the_judge_is_never_told_which_side_is_the_humans(tmp_path: Path, server: ChatServer) -> None:
    build(options(tmp_path / "release", server.url))
    judged = [body["messages"] for body in server.bodies if body["messages"][0]["content"].startswith("You examine")]
    assert judged
    assert len({messages[0]["content"] for messages in judged}) == 1
    words = " ".join(message["content"].casefold() for messages in judged for message in messages[:1])
    assert not {"preferred", "chosen", "rejected", "human", "model"} & set(words.split())


def test_the_schema_goes_along_where_the_endpoint_takes_it_and_stays_away_where_not(tmp_path: Path) -> None:
    with (
        ChatServer(play_role) as takes,
        ChatServer(play_role, faults=Faults(unsupported=frozenset({"response_format"}))) as not_,
    ):
        with_it = build(options(tmp_path / "with", takes.url))
        without = build(options(tmp_path / "without", not_.url))
    assert any("response_format" in body for body in takes.bodies)
    assert with_it.counts == without.counts
    structured = {row["structured"] for row in Release(tmp_path / "without").rows(Config.COMPLETIONS)}
    assert structured == {False}


def test_the_same_model_behind_another_port_is_a_hit(tmp_path: Path, server: ChatServer) -> None:
    refused = RawAnswer(400, {"error": {"message": "no more"}})
    with ChatServer(play_role, raw=lambda body: refused if len(half.bodies) > 40 else None) as half:
        manifest = build(replace(options(tmp_path / "first", half.url, concurrency=1), accept_failures=1.0))
    assert manifest.usage["judge"].failed > 0
    with ChatServer(play_role) as first:
        interrupted = options(tmp_path / "release", first.url, budget_usd=None)
        build(interrupted)
    keys = {row["request_key"] for row in Release(tmp_path / "release").rows(Config.COMPLETIONS)}
    build(options(tmp_path / "again", server.url))
    assert {row["request_key"] for row in Release(tmp_path / "again").rows(Config.COMPLETIONS)} == keys


def start(tmp_path: Path, server: ChatServer, *more: str) -> "subprocess.Popen[str]":
    """A build in a process of its own."""
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{server.url}")]
    words = command_line("build", "--out", tmp_path / "release", "--limit", "8", "--concurrency", "8", *models, *more)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environ())


def end(running: "subprocess.Popen[str]") -> tuple[int, str]:
    """The exit code and the errors of a build that comes to its end."""
    _, told = running.communicate(timeout=120)
    assert "Traceback" not in told
    return running.returncode, told


def wait_for(server: ChatServer, requests: int) -> None:
    deadline = time.monotonic() + 60
    while server.asked.total() < requests:
        assert time.monotonic() < deadline, "the build never sent so much"
        time.sleep(0.01)


def test_a_killed_build_goes_on_and_sends_again_at_most_what_was_in_flight(tmp_path: Path) -> None:
    kills = (30, 90, 150)
    with ChatServer(play_role, latency_s=0.03) as server:
        for requests in kills:
            running = start(tmp_path, server)
            wait_for(server, requests)
            running.kill()
            end(running)
            assert not (tmp_path / "release").exists()
        assert end(start(tmp_path, server))[0] == 0
        again = sent_twice(server)
        distinct = len(server.asked)
    # In flight is what was sent and is not yet on disk: a call's answer is there some milliseconds after it came.
    assert again <= len(kills) * 2 * 8
    release = Release(tmp_path / "release")
    assert sum(1 for _ in release.rows(Config.COMPLETIONS)) == distinct
    assert list(validate_release(release)) == []


@pytest.mark.slow
def test_the_release_after_kills_is_the_release_without_them(tmp_path: Path) -> None:
    with ChatServer(play_role, latency_s=0.03) as server:
        running = start(tmp_path, server)
        wait_for(server, 60)
        running.kill()
        end(running)
        assert end(start(tmp_path, server))[0] == 0
        build(options(tmp_path / "calm", server.url, dialogues=8))
    killed, calm = Release(tmp_path / "release").manifest, Release(tmp_path / "calm").manifest
    tables = [path for path in calm.files if path.startswith("data/")]
    assert {path: killed.files[path] for path in tables} == {path: calm.files[path] for path in tables}


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_build_says_so_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    with ChatServer(play_role, latency_s=0.05) as server:
        running = start(tmp_path, server)
        wait_for(server, 40)
        running.send_signal(number)
        code, told = end(running)
        assert code == 130
        assert "goes on" in told
        assert end(start(tmp_path, server))[0] == 0
        assert sent_twice(server) <= 2 * 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"key": "sk-right"}, "IPM_PREFDIAL_PLANNER_API_KEY"),
        ({"models": ("llama", "qwen")}, "llama"),
    ],
)
def test_an_endpoint_that_will_not_have_us(tmp_path: Path, given: dict[str, object], told: str) -> None:
    with ChatServer(play_role, **given) as server:  # type: ignore[arg-type]
        code, errors = end(start(tmp_path, server))
    assert code == 3
    assert told in errors
    assert len([line for line in errors.splitlines() if line.startswith("ipm-prefdial:")]) == 1


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9"):
        build(options(tmp_path / "release", "http://127.0.0.1:9/v1"))
    assert not (tmp_path / "release").exists()


@pytest.mark.slow
def test_an_endpoint_that_only_fails_stops_the_build_and_keeps_what_there_is(tmp_path: Path) -> None:
    broken = RawAnswer(503, {"error": {"message": "overloaded"}}, {"Retry-After": "0"})
    with ChatServer(play_role, raw=lambda body: broken if len(server.bodies) > 30 else None) as server:
        with pytest.raises(EndpointError):
            build(options(tmp_path / "release", server.url))
        answered = len(server.answered)
        server.raw = None
        build(options(tmp_path / "release", server.url))
        assert all(times == 1 for times in server.answered.values())
        assert len(server.answered) > answered


def test_a_spent_budget_stops_before_the_call_that_it_does_not_cover(tmp_path: Path, server: ChatServer) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {mock: {prompt: 1000, completion: 1000}}")
    with pytest.raises(BudgetError, match="raise --budget"):
        build(options(tmp_path / "release", server.url, budget_usd=3.0, prices=prices))
    spent = server.answered.total() * (12 + 7) * 1000 / 1e6
    assert 0 < spent <= 3.0
    manifest = build(options(tmp_path / "release", server.url, budget_usd=1_000.0, prices=prices))
    assert all(times == 1 for times in server.answered.values())
    assert manifest.run.cost_usd == pytest.approx(server.answered.total() * 19 * 1000 / 1e6)


def test_a_second_build_to_the_same_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with ChatServer(play_role, latency_s=0.1) as server:
        first = start(tmp_path, server)
        wait_for(server, 20)
        marker = tmp_path / "release.partial" / "release" / "half-written"
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        code, told = end(start(tmp_path, server))
        assert code == 2
        assert "another build" in told
        assert marker.exists()
        marker.unlink()
        assert end(first)[0] == 0


def test_a_straggler_holds_up_nobody(tmp_path: Path) -> None:
    """One answer in fifty takes a second and a half; were calls made in batches, every batch would take as long."""
    slow = Faults(straggle=0.02, straggler_s=1.5)
    with ChatServer(play_role, faults=slow) as server:
        started = time.monotonic()
        build(options(tmp_path / "release", server.url, dialogues=12, concurrency=4))
        took, stragglers = time.monotonic() - started, server.met["straggle"]
    assert stragglers >= 4
    one_after_the_other = 1.5 * stragglers
    assert server.max_in_flight == 4
    assert took < one_after_the_other + 8


def test_no_dialogue_text_and_no_key_in_output_logs_or_manifest(tmp_path: Path) -> None:
    with ChatServer(play_role, key="sk-very-secret") as server:
        models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{server.url}")]
        words = command_line("-v", "build", "--out", tmp_path / "release", "--limit", "2", *models)
        roles = ("PLANNER", "RESPONDER", "JOINT", "JUDGE")
        environ = clean_environ({f"IPM_PREFDIAL_{role}_API_KEY": "sk-very-secret" for role in roles})
        done = subprocess.run(words, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr + (tmp_path / "release" / "manifest.json").read_text()
    assert "sk-very-secret" not in told
    texts = [turn["text"] for row in Release(tmp_path / "release").rows(Config.DIALOGUES) for turn in row["turns"]]
    assert texts
    assert not [text for text in texts if text in told]


def test_the_manifest_says_what_the_endpoint_did(tmp_path: Path) -> None:
    with ChatServer(play_role, faults=ROUGH) as server:
        build(options(tmp_path / "release", server.url))
    manifest = json.loads((tmp_path / "release" / "manifest.json").read_text())
    told = manifest["run"]["endpoints"]["mock"]
    assert told["answered"] == sum(one["calls"] for one in manifest["usage"].values())
    assert sum(told["retries"].values()) > 0
    assert server.url.split("/")[2] not in json.dumps(manifest)
