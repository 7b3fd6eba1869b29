"""What is said of the embedded models, measured again on the real corpora where they are there."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from ipm_prefdial.builders.models.baseline.models import ALGORITHM, known_agreement

_TESTS = Path(__file__).parents[3]
_DATA = _TESTS.parents[1] / "shared" / "data"
_needs_corpora = pytest.mark.skipif(not _DATA.is_dir(), reason="the real corpora are not beside the repository")


@pytest.fixture(scope="module")
def measure() -> dict[str, Any]:
    """The functions of the measuring script."""
    return runpy.run_path(str(_TESTS / "measure_corpus.py"))


def test_the_agreement_is_of_this_algorithm() -> None:
    known = known_agreement()
    assert known.algorithm == ALGORITHM
    assert known.n <= known.aligned <= known.rows
    assert len(known.errors) == 3


@_needs_corpora
@pytest.mark.slow
def test_the_agreement_is_what_is_measured(measure: dict[str, Any]) -> None:
    assert measure["measure_agreement"]().model_dump() == known_agreement().model_dump()


@_needs_corpora
@pytest.mark.slow
def test_the_planner_names_strategies_well_above_chance(measure: dict[str, Any]) -> None:
    scores = measure["held_out_scores"](near=True)
    assert scores.n > 1700
    assert scores.accuracy >= 0.30 > scores.majority_accuracy
    assert scores.macro_f1 >= 0.20 > scores.majority_macro_f1


def test_rows_are_aligned_by_their_words_and_their_neighbours(measure: dict[str, Any]) -> None:
    turns = [(None, text) for text in ("a", "ok", "b", "c", "ok", "d", "ok")]
    dialogues = [1, 1, 1, 2, 2, 2, 3]
    rows = [(None, text) for text in ("c", "ok", "d", "ok", "b", "ok")]
    assert measure["align"](rows, turns, dialogues) == [3, 4, 5, 1, 2, None]
