"""Prompts are found by id, held to the lock, and filled in with exactly the variables they state."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import SHORT_TURNS, histories, strategies, texts

from ipm_prefdial.prompts import library
from ipm_prefdial.prompts.library import load_prompt, locked, parse_prompt
from ipm_prefdial.schemas.dialogue import Turn
from ipm_prefdial.schemas.errors import PromptError
from ipm_prefdial.schemas.inference import Ask, Role
from ipm_prefdial.schemas.strategy import Strategy

_IDS = ["joint/strategy_then_reply@1", "judge/three_errors@1", "planner/next_strategy@1", "responder/given_strategy@1"]


def _ask(role: Role, history: tuple[Turn, ...] = SHORT_TURNS[:3], reply: str = "Well.") -> Ask:
    """An ask that holds what any prompt of the role wants."""
    return Ask(
        role=role,
        history=history,
        strategy=Strategy.SUGGESTIONS if role is Role.RESPONDER else None,
        reply=reply if role is Role.JUDGE else None,
    )


def _prompt_of(role: Role) -> library.Prompt:
    return load_prompt(next(one for one in _IDS if one.startswith(f"{role}/")))


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of templates and lock that a test may edit; the library reads it instead of the real one."""
    real = library._PACKAGE
    for name in ("prompts.lock", *(f"templates/{one}.txt" for one in _IDS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((real / name).read_bytes())
    monkeypatch.setattr(library, "_PACKAGE", tmp_path)
    load_prompt.cache_clear()
    locked.cache_clear()
    yield tmp_path
    load_prompt.cache_clear()
    locked.cache_clear()


@pytest.mark.parametrize("prompt_id", _IDS)
def test_a_released_prompt_says_what_it_is(prompt_id: str) -> None:
    prompt = load_prompt(prompt_id)
    assert prompt.id == prompt_id
    assert prompt.about.endswith(".")
    assert prompt.sha256 == locked()[prompt_id]
    assert prompt.sections[0].role == "system"


@pytest.mark.parametrize(
    ("prompt_id", "variables"),
    [
        ("planner/next_strategy@1", ("transcript",)),
        ("responder/given_strategy@1", ("strategy",)),
        ("joint/strategy_then_reply@1", ()),
        ("judge/three_errors@1", ("transcript", "reply")),
    ],
)
def test_a_prompt_states_its_variables(prompt_id: str, variables: tuple[str, ...]) -> None:
    assert load_prompt(prompt_id).variables == variables


@pytest.mark.parametrize(
    "prompt_id",
    ["planner/next_strategy@2", "planner/next_strategy", "planner", "", "/", "nobody/knows@1", "../prompts"],
)
def test_a_wrong_id_is_told_the_right_ones(prompt_id: str) -> None:
    with pytest.raises(PromptError, match="there is no prompt") as caught:
        load_prompt(prompt_id)
    assert all(one in str(caught.value) for one in _IDS)
    assert caught.value.exit_code == 2


def test_an_edited_file_is_refused(copied: Path) -> None:
    path = copied / "templates" / "planner" / "next_strategy@1.txt"
    assert load_prompt("planner/next_strategy@1").id == "planner/next_strategy@1"
    load_prompt.cache_clear()
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(PromptError, match="planner/next_strategy@1 was edited after its release"):
        load_prompt("planner/next_strategy@1")


def test_an_edited_lock_refuses_the_file(copied: Path) -> None:
    lock = copied / "prompts.lock"
    lock.write_text(lock.read_text().replace(load_prompt("judge/three_errors@1").sha256, "0" * 64))
    load_prompt.cache_clear()
    locked.cache_clear()
    with pytest.raises(PromptError, match="edited after its release"):
        load_prompt("judge/three_errors@1")


def test_a_new_file_is_a_draft_until_it_is_locked(copied: Path) -> None:
    (copied / "templates/planner/other@1.txt").write_text("about: A.\nhistory: chat\n---\n<|system|>\nGo on.\n")
    assert load_prompt("planner/other@1").variables == ()


@pytest.mark.parametrize("role", Role)
@given(
    history=histories(
        st.sampled_from(["{braces}", '{"error": "none"}', "$transcript", "$reply ${strategy}", "$$5", "%s {0}", "\\1"])
    ),
    reply=texts,
)
def test_braces_and_dollars_in_values_are_left_alone(role: Role, history: tuple[Turn, ...], reply: str) -> None:
    messages = _prompt_of(role).messages(_ask(role, history, reply))
    said = "\n".join(message["content"] for message in messages)
    assert all(turn.text in said for turn in history)
    assert role is not Role.JUDGE or messages[-1]["content"].endswith(reply)


def test_json_braces_in_a_prompt_are_just_text() -> None:
    text = load_prompt("judge/three_errors@1").messages(_ask(Role.JUDGE))[0]["content"]
    assert text.endswith('Answer with JSON alone, in this form: {"error": "none", "rationale": "one sentence"}')


@given(strategies)
def test_the_responder_is_told_the_strategy(strategy: Strategy) -> None:
    ask = Ask(role=Role.RESPONDER, history=SHORT_TURNS[:1], strategy=strategy)
    messages = load_prompt("responder/given_strategy@1").messages(ask)
    assert f"this strategy: {strategy.value}." in messages[0]["content"]
    assert [name.value for name in Strategy if name.value in messages[0]["content"]] == [strategy.value]


def test_planner_joint_and_judge_are_not_told_the_strategies_of_the_history() -> None:
    for role in (Role.PLANNER, Role.JUDGE, Role.RESPONDER):
        messages = _prompt_of(role).messages(_ask(role, SHORT_TURNS[:3]))
        assert "[Question]" not in "".join(message["content"] for message in messages)
    joint = _prompt_of(Role.JOINT).messages(_ask(Role.JOINT, SHORT_TURNS[:3]))
    assert joint[2] == {"role": "assistant", "content": "[Question] Where did the hail catch you?"}


@pytest.mark.parametrize("role", Role)
def test_messages_are_system_then_a_user_who_has_the_last_word(role: Role) -> None:
    messages = _prompt_of(role).messages(_ask(role))
    assert [messages[0]["role"], messages[-1]["role"]] == ["system", "user"]


@pytest.mark.parametrize(
    ("prompt_id", "ask"),
    [
        ("responder/given_strategy@1", Ask(role=Role.RESPONDER, history=())),
        ("judge/three_errors@1", Ask(role=Role.JUDGE, history=())),
    ],
)
def test_a_variable_that_the_ask_does_not_have_is_an_error(prompt_id: str, ask: Ask) -> None:
    with pytest.raises(PromptError, match=r"wants \$(strategy|reply)"):
        load_prompt(prompt_id).messages(ask)


def test_an_unknown_variable_is_an_error() -> None:
    prompt = parse_prompt("planner/mood@1", "about: A.\nhistory: chat\n---\n<|system|>\nBe $mood.\n")
    assert prompt.variables == ("mood",)
    with pytest.raises(PromptError, match=r"wants \$mood"):
        prompt.messages(_ask(Role.PLANNER))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<|system|>\nNo head.\n",
        "about: A.\nhistory: chat\n---\n",
        "about: A.\nhistory: chat\n---\nwords outside of a section\n",
        "about: A.\nhistory: song\n---\n<|system|>\nx\n",
        "about: A.\n---\n<|system|>\nx\n",
        "about: A.\nhistory: chat\nmood: good\n---\n<|system|>\nx\n",
        "about: A.\nhistory: chat\n---\n<|assistant|>\nx\n",
        "about: A.\nhistory: chat\n---\n<|system|> x\n",
    ],
)
def test_a_malformed_prompt_is_refused(text: str) -> None:
    with pytest.raises(PromptError):
        parse_prompt("planner/x@1", text)


def test_a_schema_that_is_no_json_is_refused() -> None:
    with pytest.raises(PromptError):
        parse_prompt("judge/x@1", "about: A.\nhistory: chat\nreply_schema: {oops\n---\n<|system|>\nx\n")


def test_a_dollar_that_begins_no_name_is_refused() -> None:
    with pytest.raises(PromptError):
        parse_prompt("judge/x@1", "about: A.\nhistory: chat\n---\n<|system|>\nIt costs $5.\n").messages(
            _ask(Role.JUDGE)
        )


def test_the_judges_schema_offers_what_the_parser_reads() -> None:
    schema = load_prompt("judge/three_errors@1").reply_schema
    assert schema is not None
    assert schema.name == "three_errors_v1"
    assert schema.body["required"] == ["error", "rationale"]
