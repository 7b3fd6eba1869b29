"""What was said before is found where it stands: earlier in the dialogue, or in another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import answer, spoken_sample

from ipm_prefdial.recipes.metrics.catalogue import measure_human
from ipm_prefdial.recipes.metrics.diversity import REPETITION_METRICS, measure_repetition
from ipm_prefdial.recipes.metrics.measured import NO_REPLIES
from ipm_prefdial.recipes.metrics.sample import AnswerSample

TEXTS = st.none() | st.lists(st.sampled_from("kiln tram hail lead bench".split()), max_size=6).map(" ".join)


def _values(*said: tuple[str, int, str | None, str | None]) -> dict[str, float | None]:
    """The values of dialogue, turn, reply and human reply."""
    answers = [answer(dialogue=name, turn=turn, reply=reply, reference=human) for name, turn, reply, human in said]
    return {name: one.interval.value for name, one in measure_repetition(AnswerSample.of(answers, 20)).items()}


def test_by_hand() -> None:
    found = _values(
        ("d0", 5, "The hail was loud. I see!", "I see."),  # comes second: three of its four phrases were said
        ("d0", 1, "the hail was loud tonight", "Was the hail heavy?"),
        ("d1", 1, "hail was loud", "was loud. I see"),
    )
    assert found["repeats_itself"] == 2 / 4, "the first replies have nothing before them"
    assert found["repeats_supporter"] == 0, "what the human says later, or in another dialogue, was not said before"
    assert found["repeats_elsewhere"] == pytest.approx((1 / 4 + 1 / 3 + 1) / 3, abs=1e-6)


def test_what_the_supporter_said_before_is_repeated() -> None:
    found = _values(("d0", 1, None, "You did well there."), ("d0", 3, "As I said, you did well there.", "Bye."))
    assert found["repeats_supporter"] == pytest.approx(2 / 5)
    assert found["repeats_itself"] is None, "it replies once"


def test_short_replies_are_repeated_as_a_whole() -> None:
    found = _values(("d0", 1, "I see.", "Well."), ("d0", 3, "i see", "Well."), ("d1", 1, "I see", None))
    assert found["repeats_itself"] == 1
    assert found["repeats_elsewhere"] == 1


def test_nothing_to_measure() -> None:
    silent = measure_repetition(spoken_sample([(None, "Hail.")]))
    assert {one.why for one in silent.values()} == {NO_REPLIES}
    assert _values(("d0", 1, "Hail.", None))["repeats_supporter"] is None


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=9), st.integers(1, 3))
def test_shares_of_any_replies(pairs: list[tuple[str | None, str | None]], dialogues: int) -> None:
    sample = spoken_sample(pairs, dialogues=dialogues)
    found = measure_repetition(sample)
    assert found.keys() == REPETITION_METRICS.keys()
    values = {name: one.interval.value for name, one in found.items()}
    assert all(value is None or 0 <= value <= 1 for value in values.values())
    if dialogues == 1:
        assert values["repeats_elsewhere"] is None


def test_human_is_measured_likewise() -> None:
    sample = spoken_sample([("Well said then.", "Well said then.")] * 2, dialogues=1)
    found = measure_human(sample)
    assert found["repeats_itself"].interval.value == found["repeats_supporter"].interval.value == 1
