"""Each precondition holds and fails where it should, and says what was found."""

import pytest
from support.validations import figure

from ipm_prefdial.recipes.study import questions as preconditions
from ipm_prefdial.recipes.study._verdicts import nothing
from ipm_prefdial.recipes.study.questions import PAIRS, Found, Name, enough_pairs


@pytest.mark.parametrize(
    ("name", "holds", "fails", "told"),
    [
        (
            Name.ENOUGH_TURNS,
            preconditions.enough_turns(300, 30),
            preconditions.enough_turns(900, 29),
            "900 turns of 29 dialogues",
        ),
        (
            Name.ENOUGH_PAIRS,
            preconditions.enough_pairs(50, 60, 100),
            preconditions.enough_pairs(49, 60, 100),
            "49 of the 60 of 100 test pairs that length and words do not tell apart; wanted are 50",
        ),
        (Name.ENOUGH_SEEDS, preconditions.enough_seeds(3), preconditions.enough_seeds(2), "2 seeds; wanted are 3"),
        (Name.FEW_INVALID, preconditions.few_invalid(0.1), preconditions.few_invalid(0.11), "11% of a system's"),
        (Name.FEW_INVALID, preconditions.few_invalid(0.0), preconditions.few_invalid(None), "not measured"),
        (
            Name.INDEPENDENT,
            preconditions.independent(()),
            preconditions.independent(["it judged them"]),
            "it judged them",
        ),
        (
            Name.PRETRAINED,
            preconditions.pretrained({"Qwen/Qwen2.5-0.5B-Instruct"}, "random weights"),
            preconditions.pretrained({"random weights"}, "random weights"),
            "random weights",
        ),
        (
            Name.BEATS_MAJORITY,
            preconditions.beats_majority(figure(0.05, 0.01, 0.09)),
            preconditions.beats_majority(figure(0.05, 0.0, 0.1)),
            "by 0.050, at least 0.000",
        ),
        (
            Name.BEATS_MAJORITY,
            preconditions.beats_majority(figure(0.1)),
            preconditions.beats_majority(nothing()),
            "not",
        ),
        (
            Name.NOT_COLLAPSED,
            preconditions.not_collapsed(figure(0.3), 0.8),
            preconditions.not_collapsed(figure(0.9), 0.8),
            "sameness of answers is 0.90",
        ),
        (Name.JUDGED, preconditions.judged(1, 0), preconditions.judged(0, 1), "the embedded judge alone"),
        (Name.JUDGED, preconditions.judged(2, 1), preconditions.judged(0, 0), "no --judge"),
    ],
)
def test_a_precondition_holds_or_says_why_not(name: Name, holds: Found, fails: Found, told: str) -> None:
    assert holds[name].holds
    assert not fails[name].holds
    assert told in fails[name].told


@pytest.mark.parametrize(("pairs", "holds"), [(PAIRS - 1, False), (PAIRS, True), (PAIRS + 1, True)])
def test_pairs_are_enough_from_the_stated_number_on(pairs: int, holds: bool) -> None:
    assert enough_pairs(pairs, pairs, pairs)[Name.ENOUGH_PAIRS].holds is holds
