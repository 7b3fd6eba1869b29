"""What is said of the crisis rules, measured again."""

import json
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ipm_prefdial.builders.safety.crisis import known_recall
from ipm_prefdial.schemas.safety import CrisisCategory, CrisisForm

_TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def measure() -> dict[str, Any]:
    """The functions of the measuring script."""
    return runpy.run_path(str(_TESTS / "measure_safety.py"))


def test_the_sentences_cover_every_form_of_every_category(measure: dict[str, Any]) -> None:
    rows = measure["read_sentences"]()
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == len(rows)
    counts = Counter((row["form"], row["category"]) for row in rows)
    assert all(counts[form.value, category.value] >= 10 for form in CrisisForm for category in CrisisCategory)
    assert all(sum(counts[form.value, category.value] for category in CrisisCategory) >= 30 for form in CrisisForm)
    assert counts[None, None] >= 120


def test_the_figures_are_what_is_measured(measure: dict[str, Any]) -> None:
    known = known_recall()
    measured = measure["measure_sentences"]()
    assert measured.pop("sentences") == known.sentences
    for part, figures in measured.items():
        assert figures.model_dump() == getattr(known, part).model_dump(), part


@pytest.mark.slow
def test_the_figures_of_real_turns_are_what_is_measured(measure: dict[str, Any], real_data: Path) -> None:
    known = known_recall().real
    assert known is not None
    assert measure["measure_real"]().model_dump() == known.model_dump()


def test_the_rules_find_what_they_did() -> None:
    known = known_recall()
    assert known.develop.recall.share >= 0.95
    assert known.hold.recall.share >= 0.80
    assert known.hold.recall_by_form[CrisisForm.EXPLICIT].share >= 0.85
    assert known.hold.recall_by_form[CrisisForm.THIRD_PARTY].share >= 0.85
    assert known.hold.precision.share >= 0.90
    assert known.real is None or known.real.false_per_1000 <= 3


def test_judged_turns_are_digests_alone() -> None:
    judged = json.loads((_TESTS / "safety" / "judged_turns.json").read_text())
    assert all(len(one) == 16 and int(one, 16) >= 0 and isinstance(judged[one], bool) for one in judged)


def test_intervals_are_wilsons(measure: dict[str, Any]) -> None:
    share = measure["wilson"](8, 10)
    assert (share.share, share.low, share.high) == (0.8, 0.4902, 0.9433)
    assert measure["wilson"](0, 0).high == 1
    assert measure["wilson"](5, 5).high == 1
