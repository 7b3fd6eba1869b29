"""Whole builds with a role that fails for good, by the real command against a real server on loopback.

The server imitates what endpoints do: a chat template that refuses every call, a judge that declines, models that think
until their tokens are spent, and models of which a part of the answers fails.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from servers.batch_server import BatchServer
from servers.chat_server import ChatServer, RawAnswer, answer_with
from support.batches import ALL, options
from support.persona import play_role, play_role_of_panels

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import build
from ipm_prefdial.builders.cli.main import main
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import UnusableAnswersError
from ipm_prefdial.schemas.inference import Role

Body = dict[str, Any]
Said = tuple[int, str, str]

REFUSED = RawAnswer(400, {"error": {"message": "The template \x1b[1mcannot render\x1b[0m this", "type": "BadRequest"}})
"""A refusal that no other form of the request mends; one of the system role alone is learnt, and mended."""
SPENT = RawAnswer(200, answer_with("", finish_reason="length"))


def is_planner(body: Body) -> bool:
    """Whether the planner is asked."""
    return str(body["messages"][0]["content"]).startswith("You plan")


def is_crisis_judge(body: Body) -> bool:
    """Whether a judge reads a whole dialogue."""
    return str(body["messages"][0]["content"]).startswith("You read a whole")


def is_judge(body: Body) -> bool:
    """Whether any judge is asked."""
    return is_crisis_judge(body) or str(body["messages"][0]["content"]).startswith("You examine")


def answering(which: Callable[[Body], bool], answer: RawAnswer) -> Callable[[Body], RawAnswer | None]:
    """The same answer to every request of a kind."""
    return lambda body: answer if which(body) else None


def part_of(share: float, which: Callable[[Body], bool], answer: RawAnswer) -> Callable[[Body], RawAnswer | None]:
    """The answer to a share of the requests of a kind, which the seed of a request decides."""
    return lambda body: answer if which(body) and body["seed"] % 100 < 100 * share else None


@pytest.fixture
def run_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs `build --out release` with options of the test; its exit code, and what it said."""

    def run(*words: str) -> Said:
        code = main(["build", "--out", str(tmp_path / "release"), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def models(server: ChatServer, *roles: str) -> list[str]:
    """The options by which the server plays these roles, and the embedded models all others."""
    return [word for role in roles for word in (f"--{role}", f"mock@{server.url}")]


def test_an_endpoint_that_refuses_every_call_of_a_role_stops_the_build_in_its_own_words(
    tmp_path: Path, run_build: Callable[..., Said]
) -> None:
    with ChatServer(play_role, raw=answering(lambda body: True, REFUSED)) as server:
        words = ("--limit", "6", "--concurrency", "8", *models(server, "responder"), "--joint", "corpus")
        code, out, err = run_build(*words)
        sent = server.asked.total()
        assert code == 3 and 20 <= sent <= 20 + 8
        assert "the responder mock: 20 of 20 answers (100%)" in err and "20 bad_request" in err
        assert "Message: HTTP 400: The template" in err and "cannot render" in err and "\x1b" not in err
        assert "--retry-failed" in err and "--accept-failures" in err and "--responder" in err
        assert not (tmp_path / "release").exists() and "load_dataset" not in out

        code, _, again = run_build(*words)
        assert code == 3 and "20 of 20" in again
        assert server.asked.total() <= sent + 8, "what was answered is not asked again"

        code, out, err = run_build(*words, "--accept-failures", "1")
        assert code == 1 and set(server.asked.values()) == {1}
    assert "no row in `response`" in err and "call_failed" in err
    assert "'response'" not in out
    loaded = re.findall(r"load_dataset\('([^']+)', '(\w+)'\)", out)
    assert [config for _, config in loaded] == ["strategy", "dropped"]
    assert all(load_dataset(place, config, cache_dir=str(tmp_path / "cache")) for place, config in loaded)
    assert "bad_request" in out and "The template" in out
    release = Release(tmp_path / "release")
    assert release.manifest.run.accept_failures == 1
    assert {one.role: one.usable for one in release.manifest.run.answers}[Role.RESPONDER] == 0
    assert len(list(release.rows(Config.DROPPED))) > 0


def test_a_mended_endpoint_is_asked_again_where_that_is_wanted(tmp_path: Path, run_build: Callable[..., Said]) -> None:
    broken = [True]
    with ChatServer(play_role, raw=lambda body: REFUSED if broken[0] and is_planner(body) else None) as server:
        words = ("--limit", "4", *models(server, "planner"))
        assert run_build(*words)[0] == 3
        sent, broken[0] = server.asked.total(), False
        assert run_build(*words)[0] == 3
        assert server.asked.total() <= 2 * sent
        code, out, _ = run_build(*words, "--retry-failed")
    assert code == 0 and "bad_request" not in out
    assert verify_release(tmp_path / "release").clean


def test_a_small_build_is_judged_before_it_is_put_in_place(tmp_path: Path, run_build: Callable[..., Said]) -> None:
    with ChatServer(play_role, raw=answering(is_planner, REFUSED)) as server:
        words = ("--limit", "1", *models(server, "planner"))
        code, _, err = run_build(*words, "--json")
        sent = server.asked.total()
        assert code == 3 and 0 < sent < 20 and f"{sent} of {sent} answers" in err
        assert not (tmp_path / "release").exists()
        assert run_build(*words)[0] == 3 and server.asked.total() == sent
        assert run_build(*words, "--accept-failures", "1")[0] in (0, 1) and server.asked.total() == sent
    assert (tmp_path / "release").is_dir()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RawAnswer(200, answer_with("I'm sorry, but I can't assist with that.")), "unparsed_verdict"),
        (RawAnswer(200, answer_with(None, refusal="I can't assist with that.")), "refused"),
        (SPENT, "cut_off"),
        (RawAnswer(200, answer_with("<think>They say that", finish_reason="length")), "cut_off"),
    ],
)
def test_a_judge_that_gives_no_verdict_stops_the_build_and_makes_no_corpus_of_crises(
    tmp_path: Path, run_build: Callable[..., Said], answer: RawAnswer, said: str
) -> None:
    with ChatServer(play_role_of_panels, raw=answering(is_judge, answer)) as server:
        code, _, err = run_build("--release", "2.0.0", "--limit", "25", "--concurrency", "8", *models(server, "judge"))
        assert server.asked.total() <= 28
    assert code == 3 and f"20 {said}" in err and "the judge (as crisis_judge) mock" in err
    assert ("--thinking judge=N" in err) == (said == "cut_off")
    assert not (tmp_path / "release").exists()


def thinks(body: Body) -> RawAnswer | None:
    """A planner that needs 300 tokens before it answers."""
    most = body.get("max_tokens") or body.get("max_completion_tokens")
    return SPENT if is_planner(body) and int(most) < 300 else None


def test_a_planner_that_thinks_is_cut_off_and_told_how_to_get_more_tokens(
    tmp_path: Path, run_build: Callable[..., Said]
) -> None:
    with ChatServer(play_role, raw=thinks) as server:
        words = ("--limit", "6", *models(server, "planner"))
        code, _, err = run_build(*words)
        assert code == 3 and "cut_off" in err and "--thinking planner=N" in err and "--max-tokens planner=N" in err
        code, out, _ = run_build(*words, "--thinking", "planner=400", "--max-tokens", "planner=24")
        assert code == 0 and "cut_off" not in out
        assert {body["max_tokens"] for body in server.bodies if is_planner(body)} == {16, 424}
        sent = server.asked.total()
        made = Release(tmp_path / "release").manifest
        assert made.tokens[Role.PLANNER].model_dump() == {"answer": 24, "thinking": 400}
        assert made.spec.planner.sampling.max_tokens == 16
        card = (tmp_path / "release" / "README.md").read_text(encoding="utf-8")
        assert "planner: 24 for an answer, and 400 on top for thinking" in card
        assert verify_release(tmp_path / "release").clean
        reused = ("--reuse", str(tmp_path / "release"), "--force", "--thinking", "planner=400")
        assert run_build(*words, *reused, "--max-tokens", "planner=24")[0] == 0
        assert server.asked.total() == sent
        assert verify_release(tmp_path / "release").clean


def test_a_dry_run_counts_the_tokens_that_models_may_think(run_build: Callable[..., Said]) -> None:
    words = ("--limit", "2", "--planner", "mock@http://127.0.0.1:9/v1", "--dry-run", "--json")
    plain, thinking = (
        {one["role"]: one for one in json.loads(run_build(*words, *more)[1])["roles"]}
        for more in ((), ("--thinking", "planner=100"))
    )
    assert plain["planner"]["new"] == thinking["planner"]["new"] > 0
    more = thinking["planner"]["completion_tokens"] - plain["planner"]["completion_tokens"]
    assert more == 100 * plain["planner"]["new"]
    assert plain["judge"] == thinking["judge"]


def test_most_of_a_run_that_fails_stops_it_and_a_tenth_does_not(tmp_path: Path, run_build: Callable[..., Said]) -> None:
    prose = RawAnswer(200, answer_with("Let us think about what they may need."))
    with ChatServer(play_role, raw=part_of(0.6, is_planner, prose)) as server:
        code, _, err = run_build("--limit", "6", *models(server, "planner"))
        assert code == 3 and "not_a_strategy" in err and "Let us think about" in err
        code, _, _ = run_build("--limit", "6", *models(server, "planner"), "--accept-failures", "0.75", "--json")
        assert code == 0
    with ChatServer(play_role, raw=part_of(0.1, is_planner, SPENT)) as server:
        code, out, err = run_build("--limit", "6", *models(server, "planner"), "--force")
    assert code == 0, err
    assert "Answers of the models" in out and "finish_reason length" in out
    (planner,) = (one for one in Release(tmp_path / "release").manifest.run.answers if one.role is Role.PLANNER)
    assert planner.unusable.keys() == {"cut_off"} and 0 < planner.unusable["cut_off"] < 0.3 * planner.calls
    assert planner.calls == planner.usable + planner.unusable["cut_off"]


def test_a_build_of_embedded_models_has_the_table_too_and_json_has_the_same(run_build: Callable[..., Said]) -> None:
    code, out, _ = run_build("--limit", "3")
    assert code == 0 and "Answers of the models" in out and "corpus#" in out
    code, out, _ = run_build("--limit", "3", "--force", "--json")
    told = json.loads(out)
    assert code == 0 and {one["task"] for one in told["answers"]} == {"planner", "responder", "joint", "judge"}
    worth = {one["role"]: (one["calls"], one["usable"], one["unusable"]) for one in told["answers"]}
    assert all(calls == usable + sum(unusable.values()) for calls, usable, unusable in worth.values())
    assert worth["responder"][2].keys() == {"empty_reply"}, "three dialogues have no other reply of some strategies"


def test_batches_of_a_role_that_fails_stop_the_build_before_the_next_roles_are_asked(tmp_path: Path) -> None:
    with BatchServer(play_role, raw=answering(is_planner, REFUSED)) as server:
        wanted = options(tmp_path / "release", server, ALL, limit=6)
        with pytest.raises(UnusableAnswersError, match="the planner mock: 20 of 20"):
            build(wanted)
        with pytest.raises(UnusableAnswersError, match="20 of 20"):
            build(wanted)
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--accept-failures", "1.5"),
        ("--accept-failures", "most"),
        ("--max-tokens", "planner"),
        ("--max-tokens", "planer=3"),
        ("--thinking", "judge=0"),
        ("--thinking", "judge=9", "--thinking", "judge=8"),
        ("--thinking", "reasoner=9"),
    ],
)
def test_wrong_options_are_told_before_anything_is_asked(
    run_build: Callable[..., Said], words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code, _, err = run_build("--limit", "2", *words)
    except SystemExit as stop:
        code, err = int(str(stop.code)), capsys.readouterr().err
    assert code == 2 and words[0] in err and "Traceback" not in err
    assert not (tmp_path / "release").exists()
