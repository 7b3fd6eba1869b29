"""Prompts are found by id, held to the lock, and filled in with exactly the variables they state."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import SHORT_TURNS, histories, strategies, texts
from support.mining import mining_prompts
from support.traces import TEXT, TRACE

from ipm_prefdial.prompts import library
from ipm_prefdial.prompts.context import cued_transcript, draw_profile, numbered_transcript, transcript, wording_of
from ipm_prefdial.prompts.library import load_prompt, locked, parse_prompt
from ipm_prefdial.schemas.dialogue import Turn
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import PromptError
from ipm_prefdial.schemas.inference import Ask, Task
from ipm_prefdial.schemas.rows import RELEASED_MEMBERS
from ipm_prefdial.schemas.strategy import Strategy

_VARIABLES = {
    "joint/strategy_then_reply@1": (),
    "judge/compare_replies@1": ("transcript", "reply_a", "reply_b"),
    "judge/compare_strategies@1": ("transcript", "strategy_a", "strategy_b"),
    "judge/crisis@1": ("numbered_transcript",),
    "judge/four_steps@1": ("cued_transcript", "trace"),
    "judge/same_support@1": ("strategy", "cued_transcript", "reply_a", "reply_b"),
    "judge/three_errors@1": ("transcript", "reply"),
    "planner/next_strategy@1": ("transcript",),
    "reasoner/infer_trace@1": ("cued_transcript",),
    "responder/given_strategy@1": ("strategy",),
    "rewriter/same_strategy@1": ("error", "strategy", "transcript", "reply"),
    "stylist/big_five@1": ("strategy", "wording", "cued_transcript", "reply"),
}
"""The prompts that releases ask by, and the names that each states."""

_IDS = list(_VARIABLES)

_PROFILE = draw_profile("0" * 32, 7)

_FIELDS = {"strategy": "strategy", "strategy_a": "strategy", "strategy_b": "other_strategy", "error": "error"} | {
    "reply": "reply",
    "reply_a": "reply",
    "reply_b": "other_reply",
    "trace": "trace",
    "wording": "profile",
}
"""The field of an ask that each name is filled in from; the others are made of the history, which every ask has."""


def _ask(prompt_id: str, history: tuple[Turn, ...] = SHORT_TURNS[:3], reply: str = "Well.", other: str = "Hm.") -> Ask:
    """An ask that holds what the prompt wants, and nothing else."""
    whole: dict[str, object] = {
        "strategy": Strategy.SUGGESTIONS,
        "other_strategy": Strategy.INFORMATION,
        "reply": reply,
        "other_reply": other,
        "error": ErrorType.EMOTION_MISREAD,
        "trace": TRACE,
        "profile": _PROFILE,
    }
    wanted = {_FIELDS[name] for name in _VARIABLES[prompt_id] if name in _FIELDS}
    task = _TASKS.get(prompt_id) or Task(prompt_id.split("/")[0])
    return Ask.model_validate({"task": task, "history": history, **{name: whole[name] for name in wanted}})


_TASKS = {
    "judge/compare_strategies@1": Task.STRATEGY_JUDGE,
    "judge/crisis@1": Task.CRISIS_JUDGE,
    "judge/four_steps@1": Task.STEP_JUDGE,
    "judge/same_support@1": Task.STYLE_JUDGE,
}


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


def test_these_are_the_prompts_that_releases_ask_by() -> None:
    assert sorted(mining_prompts()) == _IDS


@pytest.mark.parametrize("prompt_id", _IDS)
def test_a_prompt_states_its_variables(prompt_id: str) -> None:
    assert load_prompt(prompt_id).variables == _VARIABLES[prompt_id]


@pytest.mark.parametrize(
    "prompt_id",
    ["planner/next_strategy@99", "planner/next_strategy", "planner", "", "/", "nobody/knows@1", "../prompts"],
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


@pytest.mark.parametrize("prompt_id", _IDS)
@given(
    history=histories(
        st.sampled_from(["{braces}", '{"error": "none"}', "$transcript", "$reply ${strategy}", "$$5", "%s {0}", "\\1"])
    ),
    reply=texts,
    other=texts,
)
def test_braces_and_dollars_in_values_are_left_alone(
    prompt_id: str, history: tuple[Turn, ...], reply: str, other: str
) -> None:
    ask = _ask(prompt_id, history, reply, other)
    messages = load_prompt(prompt_id).messages(ask)
    said = "\n".join(message["content"] for message in messages)
    assert all(turn.text in said for turn in history)
    replies = [words for words in (ask.reply, ask.other_reply) if words is not None]
    assert all(words in messages[-1]["content"] for words in replies)
    assert not replies or messages[-1]["content"].endswith(replies[-1])


@pytest.mark.parametrize("prompt_id", _IDS)
def test_a_prompt_renders_exactly_its_names(prompt_id: str) -> None:
    """What an ask holds stands in the messages where the file has its names, and the rest is the file's own words."""
    prompt, ask = load_prompt(prompt_id), _ask(prompt_id)
    values = {
        "transcript": transcript(ask.history),
        "numbered_transcript": numbered_transcript(ask.history),
        "cued_transcript": cued_transcript(ask.history),
        **{name: str(getattr(ask, field)) for name, field in _FIELDS.items()},
        "trace": TEXT,
        "wording": wording_of(_PROFILE),
    }
    due = []
    for section in prompt.sections:
        text = section.template.template
        for name in sorted(prompt.variables, key=len, reverse=True):
            text = text.replace(f"${name}", values[name])
        due.append({"role": section.role, "content": text.replace("$$", "$")})
    assert list(prompt.messages(ask))[: len(due)] == due
    assert not any("$" in message["content"] for message in due)


@pytest.mark.parametrize(
    ("prompt_id", "missing"),
    [(prompt_id, name) for prompt_id, names in _VARIABLES.items() for name in names if name in _FIELDS],
)
def test_a_name_that_the_ask_does_not_have_is_an_error(prompt_id: str, missing: str) -> None:
    with pytest.raises(PromptError, match=rf"wants \${missing}, which this request does not have"):
        load_prompt(prompt_id).messages(_ask(prompt_id).model_copy(update={_FIELDS[missing]: None}))


def test_json_braces_in_a_prompt_are_just_text() -> None:
    text = load_prompt("judge/three_errors@1").messages(_ask("judge/three_errors@1"))[0]["content"]
    assert text.endswith('Answer with JSON alone, in this form: {"error": "none", "rationale": "one sentence"}')


@given(strategies)
def test_the_responder_is_told_the_strategy(strategy: Strategy) -> None:
    ask = Ask(task=Task.RESPONDER, history=SHORT_TURNS[:1], strategy=strategy)
    messages = load_prompt("responder/given_strategy@1").messages(ask)
    assert f"this strategy: {strategy.value}." in messages[0]["content"]
    assert [name.value for name in Strategy if name.value in messages[0]["content"]] == [strategy.value]


def test_only_the_joint_model_is_told_the_strategies_of_the_history() -> None:
    for prompt_id in _IDS:
        messages = load_prompt(prompt_id).messages(_ask(prompt_id))
        told = "[Question]" in "".join(message["content"] for message in messages)
        assert told is (prompt_id == "joint/strategy_then_reply@1")
    joint = load_prompt("joint/strategy_then_reply@1").messages(_ask("joint/strategy_then_reply@1"))
    assert joint[2] == {"role": "assistant", "content": "[Question] Where did the hail catch you?"}


@pytest.mark.parametrize("prompt_id", _IDS)
def test_messages_are_system_then_a_user_who_has_the_last_word(prompt_id: str) -> None:
    messages = load_prompt(prompt_id).messages(_ask(prompt_id))
    assert [messages[0]["role"], messages[-1]["role"]] == ["system", "user"]


def test_an_unknown_variable_is_an_error() -> None:
    prompt = parse_prompt("planner/mood@1", "about: A.\nhistory: chat\n---\n<|system|>\nBe $mood.\n")
    assert prompt.variables == ("mood",)
    with pytest.raises(PromptError, match=r"wants \$mood"):
        prompt.messages(_ask("planner/next_strategy@1"))


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
            _ask("judge/three_errors@1")
        )


def test_the_judges_schema_offers_what_the_parser_reads() -> None:
    schema = load_prompt("judge/three_errors@1").reply_schema
    assert schema is not None
    assert schema.name == "three_errors_v1"
    assert schema.body["required"] == ["error", "rationale"]


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_comparison_offers_each_side_what_the_parser_reads(side: str) -> None:
    offered = {
        "judge/compare_replies@1": RELEASED_MEMBERS["ErrorType"],
        "judge/compare_strategies@1": [ErrorType.STRATEGY_MISMATCH.value],
    }
    for prompt_id, errors in offered.items():
        schema = load_prompt(prompt_id).reply_schema
        assert schema is not None
        assert schema.body["required"] == ["a", "b", "better", "rationale"]
        assert set(schema.body["properties"][side]["enum"]) == {"none", *errors}
        assert schema.body["properties"]["better"]["enum"] == ["a", "b", "tie"]


def test_the_crisis_judge_is_offered_every_category_and_none() -> None:
    schema = load_prompt("judge/crisis@1").reply_schema
    assert schema is not None
    assert set(schema.body["properties"]["crisis"]["enum"]) == {"none", *RELEASED_MEMBERS["CrisisCategory"]}
    assert schema.body["properties"]["turn"] == {"type": ["integer", "null"]}


def test_every_error_and_category_that_is_offered_is_explained() -> None:
    explained = {
        "judge/compare_replies@1": "ErrorType",
        "rewriter/same_strategy@1": "ErrorType",
        "judge/crisis@1": "CrisisCategory",
    }
    for prompt_id, labels in explained.items():
        text = load_prompt(prompt_id).instructions
        assert [label for label in RELEASED_MEMBERS[labels] if f"\n- {label}: " not in text] == []
    told = load_prompt("judge/compare_strategies@1").instructions
    assert [strategy.value for strategy in Strategy if f"\n- {strategy.value}: " not in told] == []
