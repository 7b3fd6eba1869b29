"""Faults that a validation must catch with a no, and the release without them, which it must not refuse.

None of the checks takes a trained model: at tiny scale a model has no power for these (its rewards are near chance in
a sound release, too), while a pair's human side, ids, near-duplicates and labels are there to be looked at. The check
by words takes pairs that differ in their words, so it is proved on the real corpora.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.plants import leak_dialogue, leak_rows, one_strategy, swap_sides
from support.releases import copy_release, shared_release

from ipm_prefdial.builders.auditing.run import audit_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.recipes.study._release_answers import answer_release, open_whole
from ipm_prefdial.schemas.spec import SourceRef
from ipm_prefdial.schemas.study import Answered, StudyOutcome

LAYOUTS = ("1.0.0", "2.0.0")


def answers(release: Release) -> dict[str, Answered]:
    """What the tables answer, by question."""
    audit = audit_release(release.root, "planted")
    return {one.id: one for one in answer_release(open_whole(str(release.root), None), audit)}


def refused(release: Release) -> set[str]:
    """The questions that are answered with no."""
    return {name for name, one in answers(release).items() if one.verdict is StudyOutcome.NO}


@pytest.fixture(params=LAYOUTS)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    """A copy of a scripted release, to be altered."""
    return copy_release(tmp_path / "release", shared_release(request.param, None if request.param == "1.0.0" else 30))


def test_a_sound_release_is_not_refused(release: Release) -> None:
    found = answers(release)
    assert [one for one in found.values() if one.verdict is StudyOutcome.NO] == []
    assert found["sides_in_order"].verdict is found["no_test_in_training"].verdict is StudyOutcome.YES


@pytest.mark.parametrize(
    ("plant", "caught_by"),
    [
        (lambda release: swap_sides(release, 0.5), "sides_in_order"),
        (lambda release: swap_sides(release, 1.0), "sides_in_order"),
        (leak_rows, "no_test_in_training"),
        (lambda release: leak_dialogue(release, retouched=False), "no_test_in_training"),
        (lambda release: leak_dialogue(release, retouched=True), "no_test_in_training"),
        (one_strategy, "strategies_vary"),
    ],
    ids=["half swapped", "all swapped", "leaked rows", "leaked dialogue", "leaked near-duplicate", "one strategy"],
)
def test_a_planted_fault_is_caught(plant: Callable[[Release], Release], caught_by: str, release: Release) -> None:
    assert caught_by in refused(plant(release))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_swapped_sides_of_real_pairs_are_caught_by_words_alone(share: float, tmp_path: Path, real_data: Path) -> None:
    source = SourceRef(uri=str(real_data / "ESConv_part.json"), license="cc-by-nc-4.0")
    build(BuildOptions(out=tmp_path / "release", sources=(source,), on_bad="skip"))
    release = Release(tmp_path / "release")
    assert answers(release)["sides_in_order_by_words"].verdict is StudyOutcome.YES
    by_words = answers(swap_sides(release, share))["sides_in_order_by_words"]
    assert by_words.verdict is StudyOutcome.NO
    assert by_words.figure.value == pytest.approx(share, abs=0.08)
