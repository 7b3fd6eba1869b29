"""The request key: the same for the same question, another one for anything that may change the answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.dialogues import SHORT_TURNS, seeker

from ipm_prefdial.schemas.inference import (
    TRANSIENT,
    Ask,
    Failed,
    FailureReason,
    Message,
    ModelRef,
    ReplySchema,
    Request,
    Role,
    Sampling,
    Task,
    TokenLimits,
    derive_seed,
)
from ipm_prefdial.schemas.strategy import Strategy

_messages = st.lists(
    st.builds(
        lambda role, content: Message(role=role, content=content),
        st.sampled_from(["system", "user", "assistant"]),
        st.text(),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
_samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0.01, 1),
    max_tokens=st.integers(1, 4096),
)
_schemas = st.none() | st.builds(
    ReplySchema, name=st.just("verdict"), body=st.just({"type": "object", "required": ["error"]})
)
_fields = st.fixed_dictionaries(
    {
        "model": st.builds(
            ModelRef, name=st.text(min_size=1, max_size=9), revision=st.none() | st.text(min_size=1, max_size=9)
        ),
        "messages": _messages,
        "sampling": _samplings,
        "draw": st.integers(0, 9),
        "seed": st.integers(0, 2**31 - 1),
        "reply_schema": _schemas,
        "ask": st.just(Ask(task=Task.PLANNER, history=SHORT_TURNS[:1])),
    }
)


@pytest.mark.parametrize(
    ("limits", "tokens"),
    [
        (TokenLimits(), 80),
        (TokenLimits(answer=20), 20),
        (TokenLimits(thinking=500), 580),
        (TokenLimits(answer=20, thinking=500), 520),
    ],
)
def test_thoughts_come_on_top_of_the_answer(limits: TokenLimits, tokens: int) -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=80)
    assert limits.applied(sampling) == sampling.model_copy(update={"max_tokens": tokens})


_PINNED: dict[str, Any] = {
    "model": ModelRef(name="small-model", revision="abc"),
    "messages": (Message(role="user", content="The kiln broke."),),
    "sampling": Sampling(temperature=0.7, top_p=0.95, max_tokens=16),
    "draw": 0,
    "seed": 7,
    "reply_schema": ReplySchema(name="verdict", body={"type": "object", "required": ["error"]}),
    "ask": Ask(task=Task.PLANNER, history=SHORT_TURNS[:1]),
}


def _other_sampling(**changes: float) -> Sampling:
    return Sampling(**{**_PINNED["sampling"].model_dump(), **changes})


_CHANGES: dict[str, dict[str, Any]] = {
    "model": {"model": ModelRef(name="large-model", revision="abc")},
    "revision": {"model": ModelRef(name="small-model", revision="abd")},
    "no revision": {"model": ModelRef(name="small-model")},
    "revision in the name": {"model": ModelRef(name="small-model#abc")},
    "temperature": {"sampling": _other_sampling(temperature=0.8)},
    "top_p": {"sampling": _other_sampling(top_p=1.0)},
    "max_tokens": {"sampling": _other_sampling(max_tokens=17)},
    "draw": {"draw": 1},
    "seed": {"seed": 8},
    "content": {"messages": (Message(role="user", content="The kiln broke!"),)},
    "role of a message": {"messages": (Message(role="system", content="The kiln broke."),)},
    "one more message": {"messages": (*_PINNED["messages"], Message(role="user", content=""))},
    "schema": {"reply_schema": ReplySchema(name="verdict", body={"type": "object", "required": []})},
    "no schema": {"reply_schema": None},
}


def test_the_key_is_pinned() -> None:
    assert Request(**_PINNED).key == "99cebc0d14ac842ad4eee30c8f1f71177d1d81d24605fc4e163867a54481b19d"


@given(_fields)
def test_a_request_made_again_has_the_same_key(fields: dict[str, Any]) -> None:
    first = Request(**fields)
    backwards = Request(**dict(reversed(fields.items())))
    turned = tuple(Message(content=message["content"], role=message["role"]) for message in fields["messages"])
    reread = Request.model_validate_json(first.model_dump_json())
    assert len(first.key) == 64
    assert first.key == backwards.key == Request(**{**fields, "messages": turned}).key == reread.key


@given(_fields, st.permutations(["type", "required", "additionalProperties"]))
def test_the_order_of_a_schemas_keys_does_not_count(fields: dict[str, Any], names: list[str]) -> None:
    values = {"type": "object", "required": ["error"], "additionalProperties": False}
    plain = Request(**{**fields, "reply_schema": ReplySchema(name="v", body=values)})
    shuffled = Request(**{**fields, "reply_schema": ReplySchema(name="v", body={name: values[name] for name in names})})
    assert plain.key == shuffled.key


@pytest.mark.parametrize("change", _CHANGES)
def test_each_answer_field_changes_the_key(change: str) -> None:
    assert Request(**{**_PINNED, **_CHANGES[change]}).key != Request(**_PINNED).key


def test_no_two_of_these_changes_share_a_key() -> None:
    keys = {Request(**{**_PINNED, **change}).key for change in _CHANGES.values()}
    assert len(keys) == len(_CHANGES)


@given(_fields, _fields)
def test_equal_keys_mean_equal_answer_fields(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = Request(**one), Request(**other)
    without_ask = {"model", "messages", "sampling", "draw", "seed", "reply_schema"}
    same = first.model_dump(include=without_ask) == second.model_dump(include=without_ask)
    assert (first.key == second.key) == same


@pytest.mark.parametrize(
    "ask",
    [
        Ask(task=Task.JUDGE, history=(), reply="hm"),
        Ask(task=Task.RESPONDER, history=SHORT_TURNS, strategy=Strategy.OTHERS),
        Ask(task=Task.PLANNER, history=(seeker("Something else."),)),
    ],
)
def test_another_ask_with_equal_messages_has_the_same_key(ask: Ask) -> None:
    assert Request(**{**_PINNED, "ask": ask}).key == Request(**_PINNED).key


def test_a_schemas_name_is_no_part_of_the_key() -> None:
    renamed = ReplySchema(name="other", body=_PINNED["reply_schema"].body)
    assert Request(**{**_PINNED, "reply_schema": renamed}).key == Request(**_PINNED).key


def test_whole_numbers_and_fractions_are_one_temperature() -> None:
    whole = Request(**{**_PINNED, "sampling": _other_sampling(temperature=1)})
    assert whole.key == Request(**{**_PINNED, "sampling": _other_sampling(temperature=1.0)}).key


def test_the_seed_is_pinned() -> None:
    assert derive_seed(250516995, (Message(role="user", content="The kiln broke."),), 0) == 1861471885


@given(st.integers(0, 2**63), _messages, st.integers(0, 1000))
def test_a_seed_fits_31_bits_and_is_stable(base: int, messages: tuple[Message, ...], draw: int) -> None:
    turned = tuple(Message(content=message["content"], role=message["role"]) for message in messages)
    assert 0 <= derive_seed(base, messages, draw) < 2**31
    assert derive_seed(base, messages, draw) == derive_seed(base, turned, draw)


def test_seeds_differ_by_draw_base_and_messages() -> None:
    one, other = (Message(role="user", content="a"),), (Message(role="user", content="b"),)
    seeds = {derive_seed(base, messages, draw) for base in (1, 2) for messages in (one, other) for draw in range(50)}
    assert len(seeds) == 200


@pytest.mark.parametrize(
    "changes",
    [{"temperature": -0.1}, {"temperature": 2.1}, {"top_p": 0}, {"top_p": 1.1}, {"max_tokens": 0}, {"top_k": 5}],
)
def test_sampling_out_of_range_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        _other_sampling(**changes)


@pytest.mark.parametrize("reason", FailureReason)
def test_only_a_refusal_and_a_bad_request_are_final(reason: FailureReason) -> None:
    final = reason in (FailureReason.REFUSED, FailureReason.BAD_REQUEST)
    assert Failed(key="k", reason=reason, detail="").transient is not final
    assert (reason in TRANSIENT) is not final


def test_a_model_shows_its_revision() -> None:
    assert str(ModelRef(name="small", revision="abc")) == "small#abc"
    assert str(ModelRef(name="small")) == "small"


def test_every_task_has_a_role_and_every_role_a_task_of_its_name() -> None:
    assert {task: task.role for task in Task} == {
        Task.PLANNER: Role.PLANNER,
        Task.RESPONDER: Role.RESPONDER,
        Task.JOINT: Role.JOINT,
        Task.JUDGE: Role.JUDGE,
        Task.STRATEGY_JUDGE: Role.JUDGE,
        Task.CRISIS_JUDGE: Role.JUDGE,
        Task.REWRITER: Role.REWRITER,
        Task.REASONER: Role.REASONER,
        Task.STEP_JUDGE: Role.JUDGE,
        Task.STYLIST: Role.STYLIST,
        Task.STYLE_JUDGE: Role.JUDGE,
    }
    for task in Task:
        assert Ask(task=task, history=()).role is task.role
