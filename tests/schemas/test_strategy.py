"""Strategies are recognised through every disguise that corpora and models put on them, and nothing else is."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipm_prefdial.schemas.strategy import STRATEGY_NAMES, Strategy, parse_strategy

_WRAPS = (
    "{}",
    "[{}]",
    "({})",
    "{}.",
    " {} ",
    '"{}"',
    "**{}**",
    "【{}】",
    "<{}>",
    "- {}:",
    "Strategy: {}",
    "[Strategy: {}]",
    "{}\n",
    "{} strategy",
)
_CASES = (str, str.upper, str.lower, str.title, str.swapcase)


def _folded(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.replace("&", " and ")).casefold().split()


_KNOWN = [_folded(name) for name in STRATEGY_NAMES]


def test_there_are_the_eight_of_esconv() -> None:
    assert [strategy.value for strategy in Strategy] == [
        "Question",
        "Restatement or Paraphrasing",
        "Reflection of feelings",
        "Self-disclosure",
        "Affirmation and Reassurance",
        "Providing Suggestions",
        "Information",
        "Others",
    ]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("wrap", _WRAPS)
@pytest.mark.parametrize("case", _CASES)
def test_a_label_comes_back_through_wrap_and_case(strategy: Strategy, wrap: str, case: type[str]) -> None:
    assert parse_strategy(wrap.format(case(strategy.value))) is strategy


@given(
    st.sampled_from(Strategy),
    st.sampled_from([" ", "  ", "-", "_", "\t", " - "]),
    st.text("[](){}<>.,:;!?*'\"` \n", max_size=6),
)
def test_a_label_comes_back_through_any_separator_and_punctuation(
    strategy: Strategy, between: str, around: str
) -> None:
    words = strategy.value.replace("-", " ").split()
    assert parse_strategy(around + between.join(words) + around) is strategy


@pytest.mark.parametrize(
    ("older", "strategy"),
    [
        ("Direct Guidance", Strategy.SUGGESTIONS),
        ("Approval and Reassurance", Strategy.AFFIRMATION),
        ("Restatement", Strategy.RESTATEMENT),
        ("Reflective Statements", Strategy.REFLECTION),
        ("Self disclosure", Strategy.SELF_DISCLOSURE),
        ("Affirmation & Reassurance", Strategy.AFFIRMATION),
        ("Other", Strategy.OTHERS),
        ("Providing Information", Strategy.INFORMATION),
    ],
)
def test_older_names_mean_one_of_the_eight(older: str, strategy: Strategy) -> None:
    assert parse_strategy(older) is strategy


def test_every_listed_spelling_is_understood() -> None:
    assert [name for name in STRATEGY_NAMES if parse_strategy(name) is None] == []
    assert {parse_strategy(name) for name in STRATEGY_NAMES} == set(Strategy)


@given(st.text())
@example("")
@example("?!")
@example("strategy")
@example("Question Information")
@example("question mark")
def test_any_other_text_is_no_strategy_or_a_real_alias(text: str) -> None:
    found = parse_strategy(text)
    words = _folded(text)
    if words[:1] == ["strategy"]:
        words = words[1:]
    if words[-1:] == ["strategy"]:
        words = words[:-1]
    assert (found is not None) == (words in _KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "I would ask a question here.",
        "Question, Information",
        "Question or Information",
        "Cheering Up",
        "Quest ion",
        "",
        "   ",
        "[]",
        "None",
    ],
)
def test_a_mention_or_two_names_are_no_name(text: str) -> None:
    assert parse_strategy(text) is None
