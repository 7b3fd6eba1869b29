"""A planner's and a joint model's reply: a strategy that was named, or a named failure."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.dialogues import strategies, words

from ipm_prefdial.prompts.parsers.strategy import JointReply, bracketed_strategy, read_joint, read_strategy
from ipm_prefdial.schemas.strategy import Strategy, parse_strategy
from ipm_prefdial.schemas.verdict import Unparsed

_nearly = st.text("[]()【】<>*\"' \n:.Qquestion", max_size=40)
_BRACKETS = [
    "[{}]",
    "[ {} ]",
    "({})",
    "【{}】",
    "<{}>",
    "**[{}]**",
    "[**{}**]",
    "[{}]:",
    "[Strategy: {}]",
    " \n[{}]",
    "[[{}]]",
    "{}]",
]


@given(st.text() | _nearly)
@example("")
@example("\n\n")
def test_any_planners_reply_is_a_strategy_or_a_named_failure(reply: str) -> None:
    found = read_strategy(reply)
    assert isinstance(found, Strategy) or found == Unparsed(reason="not_a_strategy", raw=reply)


@given(
    strategies,
    st.sampled_from(["{}", "[{}]", " {}.\n", "**{}**", '"{}"', "Strategy: {}", "{}\n\n{}", "[{}]\n{}."]),
    st.sampled_from([str, str.upper, str.lower]),
)
def test_a_planner_may_dress_its_answer(strategy: Strategy, dress: str, case: type[str]) -> None:
    assert read_strategy(dress.replace("{}", case(strategy.value))) is strategy


@pytest.mark.parametrize(
    "reply",
    [
        "Question\nInformation",
        "Question, because the seeker has said little.",
        "The supporter should ask a Question",
        "Question\nThis lets them say more.",
        "Question or Information",
        "Cheering Up",
        "Questioning",
        "I cannot help with that.",
    ],
)
def test_what_names_no_single_strategy_is_none(reply: str) -> None:
    assert read_strategy(reply) == Unparsed(reason="not_a_strategy", raw=reply)


@given(st.text() | _nearly)
@example("[]")
@example("[Question]")
@example("[" * 500 + "Question" + "]" * 500)
def test_any_joint_reply_is_taken_apart_or_a_named_failure(reply: str) -> None:
    found = read_joint(reply)
    if isinstance(found, Unparsed):
        assert found.reason in ("not_a_strategy", "empty_reply")
        assert found.raw == reply
    else:
        assert found.reply
        assert found.reply == found.reply.strip()
        assert reply.rstrip().endswith(found.reply)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("bracket", _BRACKETS)
@pytest.mark.parametrize("gap", ["", " ", "\n"])
def test_a_strategy_may_stand_in_any_brackets(strategy: Strategy, bracket: str, gap: str) -> None:
    found = read_joint(bracket.format(strategy.value) + gap + "Where did it hail?")
    assert found == JointReply(strategy=strategy, reply="Where did it hail?")


@given(strategies, words)
def test_the_words_after_the_bracket_come_back_whole(strategy: Strategy, said: str) -> None:
    assert read_joint(f"[{strategy}] {said}") == JointReply(strategy=strategy, reply=said)


@pytest.mark.parametrize("said", [":) Take care.", "*nods* Where was it?", "**Please** write again."])
def test_the_words_after_the_bracket_keep_their_first_sign(said: str) -> None:
    assert read_joint(f"[Others] {said}") == JointReply(strategy=Strategy.OTHERS, reply=said)


@pytest.mark.parametrize("reply", ["[Question]", "[Question] ", "[Question]\n\n", "(Others):"])
def test_a_bracket_without_words_is_an_empty_reply(reply: str) -> None:
    assert read_joint(reply) == Unparsed(reason="empty_reply", raw=reply)


@pytest.mark.parametrize(
    "reply",
    [
        "Where did it hail?",
        "[Cheering Up] Smile!",
        "Hello. [Question] Where?",
        "Question: Where?",
        "[Question, Others] Hm",
        "",
        "[] Hm",
        "[Question Where?",
        "\n",
    ],
)
def test_a_reply_without_a_leading_strategy_is_none(reply: str) -> None:
    assert read_joint(reply) == Unparsed(reason="not_a_strategy", raw=reply)


def test_half_a_surrogate_pair_is_survived() -> None:
    assert isinstance(read_joint("[Question] \ud83d"), JointReply | Unparsed)


@given(st.text() | _nearly)
def test_a_bracketed_strategy_is_one_that_stands_there(text: str) -> None:
    found = bracketed_strategy(text)
    inside = [part.split("]")[0].split("】")[0] for part in text.replace("【", "[").split("[")[1:]]
    assert found is None or found in [parse_strategy(one) for one in inside]


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("[Question] Where?", Strategy.QUESTION),
        ("Well. [Self-Disclosure] I was there too.", Strategy.SELF_DISCLOSURE),
        ("[smiles] and 【Others】 hello", Strategy.OTHERS),
        ("[see [Information] below]", Strategy.INFORMATION),
        ("Where? [direct guidance]", Strategy.SUGGESTIONS),
        ("[ Reflection of Feelings ]", Strategy.REFLECTION),
        ("[Question][Information]", Strategy.QUESTION),
    ],
)
def test_a_bracketed_strategy_is_found_anywhere(text: str, strategy: Strategy) -> None:
    assert bracketed_strategy(text) is strategy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Question",
        "(Question)",
        "[sic]",
        "[a question]",
        "[Question",
        "Question]",
        "[Ques\ntion]",
        "I have a [name] for it",
    ],
)
def test_other_brackets_hold_no_strategy(text: str) -> None:
    assert bracketed_strategy(text) is None


@pytest.mark.parametrize(
    "read", [lambda: read_joint(" " * 2000 + "Where?"), lambda: bracketed_strategy("[" + " " * 2000 + "Where?")]
)
def test_a_run_of_white_space_costs_no_seconds(read: type[str]) -> None:
    started = time.process_time()
    read()
    assert time.process_time() - started < 0.4


@pytest.mark.parametrize("fence", ["```\n{}\n```", "```json\n{}\n```", "  ```text\n{}```\n"])
def test_a_code_fence_around_the_whole_reply_is_no_part_of_it(fence: str) -> None:
    assert read_strategy(fence.format("Question.")) is Strategy.QUESTION
    joint = read_joint(fence.format("[Question] Where was it?"))
    assert isinstance(joint, JointReply)
    assert joint.reply == "Where was it?"
