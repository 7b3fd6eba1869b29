"""What a user sees of endpoints that answer 200 and give no whole answer, by the real command."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.batch_server import BatchServer
from servers.chat_server import ChatServer, RawAnswer, answer_with
from support.command import Done, ipm_prefdial
from support.persona import play_role

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.prompts.parsers.json_reply import without_thinking
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config

Change = Callable[[dict[str, Any], int], Any]
"""What becomes of a good answer, by its number among those to the same body."""


def server(change: Change) -> ChatServer:
    """A server that plays every role, and changes the answers of replies."""
    seen: Counter[str] = Counter()

    def answer(body: dict[str, Any]) -> RawAnswer:
        text = play_role(body)
        name = json.dumps(body["messages"]) + str(body["seed"])
        seen[name] += 1
        good = answer_with(text)
        return RawAnswer(200, change(good, seen[name]) if _writes(body) else good)

    return ChatServer(raw=answer)


def _writes(body: dict[str, Any]) -> bool:
    """Whether the request asks for a reply, and not for a strategy or a verdict."""
    text = play_role(body)
    return not text.startswith("{") and "invented reply" in text


def build(tmp_path: Path, url: str, *more: str, environ: dict[str, str] | None = None) -> Done:
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{url}")]
    return ipm_prefdial("build", "--out", tmp_path / "release", "--limit", "2", *models, *more, environ=environ)


def texts(tmp_path: Path) -> list[str | None]:
    """The recorded replies."""
    rows = Release(tmp_path / "release").rows(Config.COMPLETIONS)
    return [row["reply"] for row in rows if row["role"] in ("responder", "joint")]


def once(change: Callable[[dict[str, Any]], Any]) -> Change:
    """The first answer to each body is changed, the next is good."""
    return lambda good, number: change(good) if number == 1 else good


def ending(word: Any) -> Callable[[dict[str, Any]], Any]:
    def change(good: dict[str, Any]) -> dict[str, Any]:
        good["choices"][0] |= {"finish_reason": word}
        good["choices"][0]["message"]["content"] = "I am s"
        return good

    return change


def saying(content: Any, **more: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda good: {**answer_with(content), **more}


@pytest.mark.slow
def test_what_is_no_whole_answer_is_asked_again(tmp_path: Path) -> None:
    kinds = [
        ending("error"),
        ending("insufficient_system_resource"),
        ending(None),
        saying("", usage=None),
        lambda good: {"error": {"message": "overloaded", "code": 503}},
    ]
    number = iter(range(10**6))
    with server(once(lambda good: kinds[next(number) % len(kinds)](good))) as running:
        done = build(tmp_path, running.url)
    assert done.code == 0, done.err
    replies = texts(tmp_path)
    assert len(replies) > len(kinds) and all(reply is not None and "invented reply" in reply for reply in replies)
    run = json.loads((tmp_path / "release" / "manifest.json").read_text())["run"]
    assert sum(run["endpoints"]["mock"]["retries"].values()) == len(replies)


def test_an_account_that_is_spent_under_200_ends_the_build_at_once(tmp_path: Path) -> None:
    spent = {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": None}}
    with ChatServer(raw=lambda _: RawAnswer(200, spent)) as running:
        done = build(tmp_path, running.url, "--concurrency", "1")
    assert done.code == 3
    assert "account is spent" in done.err and "You exceeded your current quota" in done.err
    assert running.asked.total() <= 2
    assert not (tmp_path / "release").exists()


@pytest.mark.slow
def test_thoughts_of_other_makers_enter_no_row(tmp_path: Path) -> None:
    forms = [
        "[THINK]secret plan[/THINK]{}",
        "<thought>secret plan</thought>{}",
        "secret plan</reasoning>\n{}",
        "<|channel|>analysis<|message|>secret plan<|end|><|start|>assistant<|channel|>final<|message|>{}",
    ]
    number = iter(range(10**6))

    def change(good: dict[str, Any], _times: int) -> dict[str, Any]:
        message = good["choices"][0]["message"]
        message["content"] = forms[next(number) % len(forms)].format(message["content"])
        return good

    with server(change) as running:
        done = build(tmp_path, running.url)
    assert done.code == 0, done.err
    release = Release(tmp_path / "release")
    rows = [row for config in PAIR_CONFIGS for row in release.rows(config)]
    assert rows and "secret plan" not in json.dumps(rows, default=str)
    kept = [reply for reply in texts(tmp_path) if reply is not None]
    assert kept and all("secret plan" in reply and "secret plan" not in without_thinking(reply) for reply in kept)


@pytest.mark.slow
def test_oddities_are_told_once_and_stand_in_the_manifest(tmp_path: Path) -> None:
    odd = {"prompt_tokens": 2**53 - 1, "completion_tokens": 7}

    def change(good: dict[str, Any], _times: int) -> dict[str, Any]:
        return {**good, "model": "another-7b", "usage": odd}

    with server(change) as running:
        done = build(tmp_path, running.url)
    assert done.code == 0, done.err
    manifest = json.loads((tmp_path / "release" / "manifest.json").read_text())
    told = manifest["run"]["endpoints"]["mock"]
    assert told["served_as"] == {"another-7b": told["odd_usage"]} and told["odd_usage"] > 0
    assert manifest["usage"]["responder"]["prompt_tokens"] == 0
    assert done.err.count("answers as 'another-7b'") == 1
    assert done.err.count("no such call can have") == 1


@pytest.mark.slow
def test_a_template_without_a_system_role_makes_the_same_release(tmp_path: Path) -> None:
    def role_of(body: dict[str, Any]) -> str:
        return str(body["messages"][0]["role"])

    said = {"object": "error", "message": "System role not supported", "code": 400}
    refuse = lambda body: RawAnswer(400, said) if role_of(body) == "system" else None  # noqa: E731
    with ChatServer(lambda body: "Question", raw=refuse) as live:
        done = build(tmp_path, live.url)
    assert done.code == 0, done.err
    assert "its text goes into the first user turn" in done.err
    manifest = json.loads((tmp_path / "release" / "manifest.json").read_text())
    assert manifest["run"]["endpoints"]["mock"]["without"] == ["system role"]
    refused = sum(role_of(body) == "system" for body in live.bodies)
    assert 0 < refused < len(live.bodies) / 2
    with BatchServer(lambda body: "Question", raw=refuse) as batches:
        again = build(tmp_path / "batch", batches.url, "--mode", "batch", "--batch-poll", "0.05")
    assert again.code == 0, again.err
    other = json.loads((tmp_path / "batch" / "release" / "manifest.json").read_text())
    assert other["run"]["endpoints"]["mock"]["without"] == ["system role"]
    tables = [name for name in manifest["files"] if name.startswith("data/")]
    assert {name: other["files"][name] for name in tables} == {name: manifest["files"][name] for name in tables}


def test_a_key_for_another_machine_in_clear_text_is_wrong_use(tmp_path: Path) -> None:
    done = build(tmp_path, "http://gpu1:8000/v1", environ={"IPM_PREFDIAL_JUDGE_API_KEY": "sk-very-secret"})
    assert done.code == 2
    assert "clear text" in done.err and "IPM_PREFDIAL_PLAIN_HTTP=gpu1:8000" in done.err
    assert "sk-very-secret" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_the_providers_key_stays_away_from_a_named_server(tmp_path: Path) -> None:
    with ChatServer(play_role) as running:
        done = build(tmp_path, running.url, environ={"OPENAI_API_KEY": "sk-very-secret"})
    assert done.code == 0, done.err
    assert not any("Authorization" in headers for headers in running.headers)
