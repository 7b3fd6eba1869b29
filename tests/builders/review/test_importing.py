"""What annotators hand in becomes labels, figures and a card, and the release stays what it promises to be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cards import rendered
from support.releases import copy_release, shared_release
from support.review import (
    Export,
    Filled,
    at_random,
    export,
)

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.parts import read_review
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.review._figures import review_of
from ipm_prefdial.builders.review.importing import BLANK, Imported, import_review
from ipm_prefdial.builders.review.sample import KeyItem
from ipm_prefdial.cards._sections import review_lines
from ipm_prefdial.cards.context import CardContext
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import DataError, UsageError
from ipm_prefdial.schemas.review import Better, ConfigReview


def card_of(release: Release) -> str:
    """The card as it stands in the folder."""
    return (release.root / "README.md").read_text(encoding="utf-8")


def stored(release: Release, config: Config = Config.RESPONSE) -> ConfigReview:
    """What the release holds of a config's review."""
    review = read_review(release.root)
    assert review is not None
    return review.configs[config]


# The round trip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("config", [Config.RESPONSE, Config.JOINT])
def test_whoever_agrees_with_the_release_has_kappa_one(
    config: Config, seed: int, release: Release, tmp_path: Path
) -> None:
    out = export(release, tmp_path / "out", config=config, seed=seed)
    files = [out.filled(tmp_path / f"review_{name}.csv", out.agreeing) for name in ("anna", "ben")]
    done = import_review(release.root, out.key_path, files)
    found = done.review
    assert found == stored(release, config)
    assert [one.annotator for one in done.sheets] == ["anna", "ben"]
    assert found.among.flagged.value == found.among.error.value == 1
    assert found.judge.flagged.value == found.judge.error.value == 1
    assert (found.judge.flagged.low, found.judge.flagged.high, found.judge.flagged.n) == (1, 1, 240)
    assert found.judge.chosen.same.value == found.judge.rejected.same.value == 1
    assert found.among.pairwise[0].annotators == ("anna", "ben")
    assert found.among.pairwise[0].flagged.value == 1
    assert (found.preference.chosen.value, found.preference.rejected.value, found.preference.tie.value) == (1, 0, 0)
    told = {error for error in ErrorType if found.judge.by_error[error].value is not None}
    assert told == set(out.errors.values()), "an error that nobody names has no kappa"
    for pair in found.pairs:
        assert {(label.chosen_error, label.better) for label in pair.labels.values()} == {("none", Better.CHOSEN)}
        assert {label.rejected_error for label in pair.labels.values()} == {pair.judge_rejected}


def test_whoever_throws_dice_agrees_by_chance(release: Release, tmp_path: Path) -> None:
    out = export(release, tmp_path / "out", size=1_000)
    files = [out.filled(tmp_path / f"{name}.csv", at_random(name)) for name in ("anna", "ben", "cleo")]
    found = import_review(release.root, out.key_path, files).review
    for interval in (found.among.flagged, found.among.error, found.among.better, found.judge.flagged):
        assert interval.value is not None and interval.low is not None and interval.high is not None
        assert abs(interval.value) < 0.12
        assert interval.low <= interval.value <= interval.high
    assert found.preference.chosen.value == pytest.approx(1 / 3, abs=0.08)
    assert len(found.among.pairwise) == 3
    assert all(abs(pair.flagged.value or 0) < 0.2 for pair in found.among.pairwise)


def test_a_second_import_of_the_same_is_the_same(release: Release, exported: Export, tmp_path: Path) -> None:
    files = [exported.filled(tmp_path / f"{name}.csv", at_random(name)) for name in ("anna", "ben")]
    first = import_review(release.root, exported.key_path, files)
    before = {path.name: path.read_bytes() for path in release.root.iterdir() if path.is_file()}
    again = import_review(release.root, exported.key_path, files)
    assert {path.name: path.read_bytes() for path in release.root.iterdir() if path.is_file()} == before
    assert [one.replaced for one in first.sheets] == [0, 0]
    assert [one.replaced for one in again.sheets] == [60, 60]


def test_a_second_import_adds_annotators_and_replaces_the_same_ones(
    release: Release, exported: Export, tmp_path: Path
) -> None:
    anna = exported.filled(tmp_path / "anna.csv", at_random("anna"))
    ben = exported.filled(tmp_path / "ben.csv", at_random("ben"))
    import_review(release.root, exported.key_path, [anna])
    import_review(release.root, exported.key_path, [ben])
    both = stored(release)
    assert list(both.annotators) == ["anna", "ben"]
    changed = exported.filled(tmp_path / "anna.csv", exported.agreeing)
    done = import_review(release.root, exported.key_path, [changed])
    assert [(one.annotator, one.replaced) for one in done.sheets] == [("anna", 60)]
    for before, after in zip(both.pairs, done.review.pairs, strict=True):
        assert after.labels["ben"] == before.labels["ben"]
        assert after.labels["anna"].better is Better.CHOSEN


def test_samples_under_other_keys_and_of_other_configs_add_up(release: Release, tmp_path: Path) -> None:
    outs = {
        "one": export(release, tmp_path / "one", size=30, seed=1),
        "two": export(release, tmp_path / "two", size=30, seed=2),
        "joint": export(release, tmp_path / "joint", size=30, config=Config.JOINT),
    }
    for name, out in outs.items():
        import_review(release.root, out.key_path, [out.filled(tmp_path / f"{name}.csv", out.agreeing)], ["anna"])
    ids = {entry.row_id for name in ("one", "two") for entry in outs[name].key.items.values()}
    assert {pair.row_id for pair in stored(release).pairs} == ids
    assert stored(release).annotators["anna"].pairs == len(ids)
    assert len(stored(release, Config.JOINT).pairs) == 30
    assert card_of(release).count("1 annotator labelled") == 2


# Releases with panels


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_a_panels_conclusion_is_the_judges_word(config: Config, tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", shared_release("2.0.0"))
    out = export(release, tmp_path / "out", config=config, size=40)
    found = import_review(release.root, out.key_path, [out.filled(tmp_path / "anna.csv", out.agreeing)]).review
    rows = {row["row_id"]: row for row in release.rows(config)}
    assert len(found.pairs) == min(40, len(rows))
    for pair in found.pairs:
        assert (pair.judge_chosen, pair.judge_rejected) == ("none", rows[pair.row_id]["rejected_error"])
    assert found.judge.flagged.value == found.judge.error.value == 1
    assert found.judge.chosen.same.n == found.judge.rejected.same.n == len(found.pairs)
    assert "### Agreement with humans" in card_of(release)
    assert list(validate_release(Release(release.root))) == []


def test_annotators_see_the_rewritten_words(tmp_path: Path) -> None:
    release = shared_release("2.0.0")
    out = export(release, tmp_path / "out", size=10_000)
    rewritten = {row["row_id"]: row for row in release.rows(Config.RESPONSE) if row["rewrite"]}
    assert rewritten
    sides = {out.key.items[item["item"]].row_id: item[f"reply_{_chosen(out, item)}"] for item in out.items()}
    for row_id, row in rewritten.items():
        assert sides[row_id] == row["chosen"][0]["content"] != row["rewrite"]["original"]


def _chosen(out: Export, item: Filled) -> str:
    return "a" if out.key.items[item["item"]].a == "chosen" else "b"


# The release stays what it promises to be


def test_release_is_valid_and_verified_after_an_import(release: Release, exported: Export, tmp_path: Path) -> None:
    plain = card_of(release)
    assert "Agreement with humans" not in plain
    import_review(release.root, exported.key_path, [exported.filled(tmp_path / "anna.csv", at_random("anna"))])
    after = Release(release.root)
    assert list(validate_release(after)) == []
    assert verify_release(after.root).differences == ()
    assert "review.json" in after.manifest.files
    assert after.manifest.model_copy(update={"files": {}}) == release.manifest.model_copy(update={"files": {}})
    tables = {name: record for name, record in after.manifest.files.items() if name.startswith("data/")}
    assert tables == {name: record for name, record in release.manifest.files.items() if name.startswith("data/")}
    card = card_of(after)
    start, end = card.index("\n### Agreement with humans"), card.index("\n## Sources and licences")
    unseen = "- No person has compared its verdicts with their own yet.\n"
    assert card[:start] + card[end:] == plain.replace(unseen, "") != plain
    assert "**`response`**: 1 annotator labelled 60 pairs." in card[start:end]


def test_card_shows_the_figures_of_the_review(release: Release, exported: Export, tmp_path: Path) -> None:
    files = [exported.filled(tmp_path / f"{name}.csv", at_random(name)) for name in ("anna", "ben")]
    files.append(exported.filled(tmp_path / "cleo.csv", exported.agreeing))
    found = import_review(release.root, exported.key_path, files).review
    lines = [line for line in card_of(release).splitlines() if line.startswith("| error or none ")]
    told = [
        f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}], n={one.n}"
        for one in (found.among.flagged, found.judge.flagged)
    ]
    assert lines == [f"| error or none | {told[0]} | {told[1]} |"]
    assert f"chosen side in {found.preference.chosen.value:.0%} [" in card_of(release)
    assert card_of(release).count("`lack_of_empathy`, or not") == 1


def test_a_review_changed_by_hand_is_found(release: Release, exported: Export, tmp_path: Path) -> None:
    import_review(release.root, exported.key_path, [exported.filled(tmp_path / "anna.csv", exported.agreeing)])
    path = release.root / "review.json"
    path.write_text(path.read_text().replace('"better": "chosen"', '"better": "tie"', 1))
    assert [one.file for one in validate_release(Release(release.root))] == ["review.json"]
    assert "review.json" in {one.file for one in verify_release(release.root).differences}
    path.write_text('{"format": 1, "replicates": "many", "configs": {}}')
    with pytest.raises(DataError, match=r"review\.json: replicates: "):
        read_review(release.root)
    path.write_text("{")
    with pytest.raises(DataError, match=r"review\.json: not JSON"):
        read_review(release.root)


def test_comments_are_not_stored(release: Release, exported: Export, tmp_path: Path) -> None:
    def fill(item: str, entry: KeyItem) -> Filled:
        return exported.agreeing(item, entry) | {"comment": "I know this person"}

    import_review(release.root, exported.key_path, [exported.filled(tmp_path / "anna.csv", fill)])
    assert "I know" not in (release.root / "review.json").read_text(encoding="utf-8")


# Where there is little to say, nothing is made up


def _imported(release: Release, exported: Export, folder: Path, **people: Callable[[str, KeyItem], Filled]) -> Imported:
    files = [exported.filled(folder / f"{name}.csv", fill) for name, fill in people.items()]
    return import_review(release.root, exported.key_path, files)


def test_one_annotator_has_nobody_to_agree_with(release: Release, exported: Export, tmp_path: Path) -> None:
    among = _imported(release, exported, tmp_path, anna=at_random("anna")).review.among
    assert among.pairwise == ()
    assert {(one.value, one.n) for one in (among.flagged, among.error, among.better)} == {(None, 0)}
    assert "| which reply is better | – |  |" in card_of(release)


def test_one_label_only_is_no_agreement(release: Release, exported: Export, tmp_path: Path) -> None:
    def fill(item: str, entry: KeyItem) -> Filled:
        return {"error_a": "none", "error_b": "none", "better": "tie"}

    found = _imported(release, exported, tmp_path, anna=fill, ben=fill).review
    assert found.among.flagged.value is found.among.better.value is found.judge.flagged.value is None
    assert found.among.pairwise[0].error.value is None
    assert found.judge.chosen.same.value == 1
    assert found.judge.rejected.same.value == 0
    assert found.preference.tie.value == 1


def test_annotators_who_share_no_item(release: Release, exported: Export, tmp_path: Path) -> None:
    half = set(list(exported.key.items)[:30])

    def first(item: str, entry: KeyItem) -> Filled:
        return exported.agreeing(item, entry) if item in half else {}

    def second(item: str, entry: KeyItem) -> Filled:
        return {} if item in half else exported.agreeing(item, entry)

    found = _imported(release, exported, tmp_path, anna=first, ben=second).review
    assert (found.among.flagged.value, found.among.flagged.n) == (None, 0)
    assert (found.among.pairwise[0].flagged.value, found.among.pairwise[0].flagged.n) == (None, 0)
    assert (found.judge.flagged.value, found.judge.flagged.n) == (1, 120)


def test_a_sheet_without_a_label_is_refused_and_nothing_is_stored(
    release: Release, exported: Export, tmp_path: Path
) -> None:
    before = card_of(release)
    with pytest.raises(UsageError, match=r"^ben\.csv: ben labelled none of 60 pairs"):
        _imported(release, exported, tmp_path, anna=exported.agreeing, ben=lambda item, entry: {})
    assert read_review(release.root) is None
    assert card_of(release) == before


def test_an_empty_sheet_does_not_wipe_out_earlier_labels(release: Release, exported: Export, tmp_path: Path) -> None:
    _imported(release, exported, tmp_path, anna=exported.agreeing)
    earlier = stored(release)
    with pytest.raises(UsageError, match="labelled none"):
        _imported(release, exported, tmp_path, anna=lambda item, entry: {})
    assert stored(release) == earlier


def test_the_card_makes_no_claim_on_a_handful_of_labels(release: Release, exported: Export, tmp_path: Path) -> None:
    few = set(list(exported.key.items)[:5])
    _imported(
        release, exported, tmp_path, anna=lambda item, entry: exported.agreeing(item, entry) if item in few else {}
    )
    card = card_of(release)
    assert "1 annotator labelled 5 pairs. They chose the better side in 5 cases, too few for a share" in card
    assert "| error or none | – | too few (n=10) |" in card
    assert "compared its verdicts with their own on only 10 replies; a figure needs at least 20" in card


def test_a_review_of_before_in_which_nobody_labelled_anything_is_no_review(
    release: Release, exported: Export, tmp_path: Path
) -> None:
    _imported(release, exported, tmp_path, anna=exported.agreeing)
    review = read_review(release.root)
    assert review is not None
    blank = [
        pair.model_copy(update={"labels": {"anna": BLANK}})
        for config in review.configs.values()
        for pair in config.pairs
    ]
    empty = review.model_copy(update={"configs": {Config.RESPONSE: review_of(blank)}})
    assert review_lines(empty) == []
    assert "- No person has compared its verdicts with their own yet." in rendered(
        release.manifest, CardContext(origins=(), review=empty)
    )


def test_pairs_that_no_judge_saw_have_no_agreement_with_it(release: Release, tmp_path: Path) -> None:
    out = export(release, tmp_path / "out", config=Config.STRATEGY)
    found = _imported(release, out, tmp_path, anna=out.agreeing).review
    assert (found.judge.flagged.value, found.judge.flagged.n) == (None, 0)
    assert found.preference.chosen.value == 1
