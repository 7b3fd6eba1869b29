"""What is held out for a crisis goes to readers line by line, and their decisions come back; nothing else moves."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.held_out import (
    HINTED,
    NAMED,
    SITUATION,
    UNREADABLE,
    Line,
    fill_sheet,
    held_out_release,
    read_sheet,
)
from support.releases import copy_release, shared_release
from support.review import at_random, export

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.parts import read_review
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.review.crisis import COLUMNS, ImportedCrisis, export_crisis, import_crisis
from ipm_prefdial.builders.review.importing import import_review
from ipm_prefdial.cards._sections import crisis_lines
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import DataError, OutputExistsError, UsageError
from ipm_prefdial.schemas.review import CrisisDecision, CrisisReview, Review

Fill = Callable[[Line], Mapping[str, str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release that holds four dialogues out; only to be read."""
    return held_out_release(tmp_path_factory.mktemp("held-out") / "release")


@pytest.fixture
def held_out(built: Release, tmp_path: Path) -> Release:
    """A copy of it."""
    return copy_release(tmp_path / "release", built)


@pytest.fixture(scope="module")
def sheet(built: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its sheet."""
    path = tmp_path_factory.mktemp("sheets") / "sheet.csv"
    export_crisis(built, path)
    return path


def _decide(decision: str, reader: str, *which: str) -> Fill:
    """A reader who decides the same on every finding, or on those whose words are among these."""
    return lambda line: {"decision": decision, "reader": reader} if not which or line["words"] in which else {}


def _crisis(root: Path) -> CrisisReview:
    review = read_review(root)
    assert review is not None and review.crisis is not None
    return review.crisis


# The sheet


def test_every_finding_is_a_line_with_its_words_and_what_was_said_before(built: Release, sheet: Path) -> None:
    lines = read_sheet(sheet)
    rows = list(built.rows(Config.CRISIS_HOLDOUT))
    assert len(rows) == 4
    assert len(lines) == sum(len(row["findings"]) for row in rows) == 2 + 3 + 3
    assert {line["dialogue_id"] for line in lines} == {row["dialogue_id"] for row in rows}
    assert len({line["finding"] for line in lines}) == len(lines)
    (named,) = [line for line in lines if line["words"] == NAMED]
    assert (named["turn"], named["category"], named["form"]) == ("3", "self_harm", "explicit")
    assert named["seen_by"].startswith("rule ")
    assert named["context"] == "supporter: Hello, what happened?\nseeker: A long week."
    (situation,) = [line for line in lines if line["words"] == SITUATION]
    assert (situation["turn"], situation["category"]) == ("", "abuse")
    assert situation["context"] == "seeker: I slept in the car.\nsupporter: What kept you out?"


def test_what_judges_saw_is_a_line_each_with_their_reason(sheet: Path) -> None:
    seen = [line for line in read_sheet(sheet) if line["words"] == HINTED]
    assert {line["seen_by"] for line in seen} == {
        "judge scripted#r1",
        "judge scripted-too",
        "judge scripted-three#r3",
    }
    for line in seen:
        assert (line["turn"], line["category"], line["form"]) == ("2", "self_harm", "")
        assert line["note"] == "'=A goodbye.", "no cell is a formula"
        assert line["context"] == "seeker: It is quiet here.\nsupporter: Quiet in what way?"


def test_where_nobody_says_which_turn_the_whole_dialogue_stands(sheet: Path) -> None:
    unread = [line for line in read_sheet(sheet) if UNREADABLE in line["context"]]
    assert len(unread) == 3
    for line in unread:
        assert (line["turn"], line["category"], line["words"]) == ("", "", "")
        assert line["note"] == "the judge gave no answer that can be read"
        assert line["context"].splitlines() == [
            "seeker: I lost my keys.",
            "supporter: Where did you look?",
            f"seeker: {UNREADABLE}",
        ]


def test_sheet_opens_in_a_spreadsheet_program_and_is_the_same_each_time(
    built: Release, sheet: Path, tmp_path: Path
) -> None:
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbf")
    lines = read_sheet(sheet)
    assert all(tuple(line) == COLUMNS for line in lines)
    assert all((line["decision"], line["reader"], line["comment"]) == ("", "", "") for line in lines)
    done = export_crisis(built, tmp_path / "deep" / "again.csv")
    assert (tmp_path / "deep" / "again.csv").read_bytes() == sheet.read_bytes()
    assert (done.findings, done.dialogues) == (len(lines), 4)


def test_wrong_places_are_refused_and_nothing_is_written(built: Release, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("do not touch")
    for out, error, told in (
        (tmp_path / "mine.csv", OutputExistsError, "already exists"),
        (built.root / "sheet.csv", UsageError, "inside the release"),
        (tmp_path / "sheet.xlsx", UsageError, r"not a \.csv file"),
    ):
        with pytest.raises(error, match=told):
            export_crisis(built, out)
    assert (tmp_path / "mine.csv").read_text() == "do not touch"
    assert not (built.root / "sheet.csv").exists()


def test_a_release_without_a_holdout_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"release 1\.0\.0 holds no dialogues out"):
        export_crisis(shared_release(), tmp_path / "sheet.csv")
    assert not (tmp_path / "sheet.csv").exists()


def test_an_empty_holdout_is_told(built: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Release(built.root)
    monkeypatch.setattr(release, "files", lambda *words: [])
    with pytest.raises(DataError, match="no dialogue is held out"):
        export_crisis(release, tmp_path / "sheet.csv")


# What readers decide


def test_decisions_are_stored_and_counted(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    anna = fill_sheet(sheet, tmp_path / "a.csv", _decide("crisis", "anna"))
    ben = fill_sheet(sheet, tmp_path / "b.csv", _decide("No crisis", "ben", NAMED, HINTED))
    done = import_crisis(held_out.root, [anna, ben])
    found = _crisis(held_out.root)
    assert found == done.review
    assert done.decisions == found.readers == {"anna": 8, "ben": 4}
    assert (done.replaced, done.blank) == (0, 4)
    assert (found.findings, found.findings_read, found.dialogues, found.dialogues_read) == (8, 8, 4, 4)
    assert found.decisions == {CrisisDecision.CRISIS: 8, CrisisDecision.NO_CRISIS: 4, CrisisDecision.UNSURE: 0}
    by_words = {line["finding"]: line["words"] for line in read_sheet(sheet)}
    for one in found.read:
        due = {"anna": CrisisDecision.CRISIS}
        if by_words[one.finding] in (NAMED, HINTED):
            due["ben"] = CrisisDecision.NO_CRISIS
        assert one.decisions == due


def test_agreement_of_readers_is_computed_from_their_decisions(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    def differs(line: Line) -> Line:
        return {"decision": "crisis" if line["words"] else "unsure", "reader": "anna"}

    files = [
        fill_sheet(sheet, tmp_path / "anna.csv", differs),
        fill_sheet(sheet, tmp_path / "ben.csv", lambda line: differs(line) | {"reader": "ben"}),
        fill_sheet(sheet, tmp_path / "cleo.csv", _decide("crisis", "cleo")),
    ]
    found = import_crisis(held_out.root, files).review
    assert [pair.readers for pair in found.pairwise] == [("anna", "ben"), ("anna", "cleo"), ("ben", "cleo")]
    assert found.pairwise[0].kappa.value == 1
    assert (found.pairwise[1].kappa.value, found.pairwise[1].kappa.n) == (None, 8), "one decision only"
    # By hand: 8 units of three, five of them alike. 24 labels, 18 "crisis" and 6 "unsure"; every unlike unit has 2 of
    # its 3 pairs unlike. Observed 3 * 3 * 2 / 3 = 6 of 24, expected 2 * 18 * 6 / 23 of 24.
    assert found.alpha.value == pytest.approx(1 - (6 / 24) / (2 * 18 * 6 / 23 / 24), abs=1e-6)
    assert found.alpha.n == 8


def test_one_reader_has_nobody_to_agree_with(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    found = import_crisis(held_out.root, [fill_sheet(sheet, tmp_path / "a.csv", _decide("unsure", "anna"))]).review
    assert (found.alpha.value, found.alpha.n, found.pairwise) == (None, 0, ())


def test_a_later_sheet_replaces_a_readers_decisions_and_keeps_all_others(
    held_out: Release, sheet: Path, tmp_path: Path
) -> None:
    import_crisis(held_out.root, [fill_sheet(sheet, tmp_path / "a.csv", _decide("crisis", "anna"))])
    import_crisis(held_out.root, [fill_sheet(sheet, tmp_path / "b.csv", _decide("unsure", "ben", NAMED))])
    done = import_crisis(held_out.root, [fill_sheet(sheet, tmp_path / "a.csv", _decide("no_crisis", "anna", NAMED))])
    assert (done.decisions, done.replaced, done.blank) == ({"anna": 1}, 1, 7)
    assert done.review.decisions == {
        CrisisDecision.CRISIS: 7,
        CrisisDecision.NO_CRISIS: 1,
        CrisisDecision.UNSURE: 1,
    }
    before = (held_out.root / "review.json").read_bytes()
    again = import_crisis(held_out.root, [tmp_path / "a.csv"])
    assert again.replaced == 0
    assert (held_out.root / "review.json").read_bytes() == before


def test_a_blank_sheet_is_refused(held_out: Release, sheet: Path) -> None:
    with pytest.raises(UsageError, match="no line has a decision, so there is nothing to store"):
        import_crisis(held_out.root, [sheet])
    assert read_review(held_out.root) is None
    assert crisis_lines(read_review(held_out.root)) == []


def test_a_dialogue_is_read_where_every_finding_is(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    lines = read_sheet(sheet)
    first = next(line["finding"] for line in lines if line["words"] == HINTED)
    path = fill_sheet(
        sheet,
        tmp_path / "a.csv",
        lambda line: {"decision": "crisis", "reader": "a"} if line["finding"] == first else {},
    )
    found = import_crisis(held_out.root, [path]).review
    assert (found.findings_read, found.dialogues_read) == (1, 0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_sheets_are_read_as_spreadsheet_programs_save_them(
    held_out: Release, sheet: Path, tmp_path: Path, delimiter: str
) -> None:
    fill = _decide(" NO crisis ", " anna ")
    path = fill_sheet(sheet, tmp_path / "a.csv", fill, delimiter=delimiter)
    done = import_crisis(held_out.root, [path])
    assert (done.decisions, done.review.decisions[CrisisDecision.NO_CRISIS]) == ({"anna": 8}, 8)


# What cannot be read


def _refused(held_out: Release, files: list[Path]) -> list[str]:
    with pytest.raises(UsageError) as told:
        import_crisis(held_out.root, files)
    assert not (held_out.root / "review.json").exists()
    return str(told.value).splitlines()


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"decision": "perhaps", "reader": "a"}, "decision: 'perhaps' is none of crisis, no_crisis, unsure"),
        ({"decision": "crisis", "reader": " "}, "reader: is empty: who decided?"),
        ({"decision": "crisis", "reader": "a@b.org"}, "reader: is published with the release: give a pseudonym"),
        (
            {"decision": "crisis", "reader": "a", "finding": "finding-1"},
            "finding: 'finding-1' is not a finding of this",
        ),
        ({"decision": "crisis", "reader": "a", "finding": ""}, "finding: is empty"),
    ],
)
def test_bad_cells_are_all_told_and_nothing_is_stored(
    held_out: Release, sheet: Path, tmp_path: Path, cells: Line, told: str
) -> None:
    path = fill_sheet(sheet, tmp_path / "a.csv", lambda line: cells)
    lines = _refused(held_out, [path])
    assert lines[0] == "8 bad cells:"
    assert lines[1].startswith(f"  {path}: row 2: column {told}")


def test_two_decisions_of_a_reader_on_one_finding_are_told(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    files = [fill_sheet(sheet, tmp_path / f"{name}.csv", _decide("crisis", "anna", NAMED)) for name in "ab"]
    (_, line) = _refused(held_out, files)
    assert "b.csv: row " in line
    assert "anna already decided on finding-" in line
    assert line.split(" in ")[-1].startswith("a.csv, row ")


def test_other_files_are_told(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("finding,decision\nfinding-1,crisis\n")
    assert _refused(held_out, [other]) == [f"{other}: row 1: there is no column reader"]
    assert _refused(held_out, [tmp_path / "none.csv"]) == [
        f"{tmp_path / 'none.csv'}: cannot be read: No such file or directory"
    ]
    book = shutil.copy(sheet, tmp_path / "sheet.xlsx")
    assert "save it as .csv" in _refused(held_out, [Path(book)])[0]


# The release stays what it promises to be


def test_nothing_leaves_the_holdout_and_the_release_stays_valid(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    before = {name: record for name, record in held_out.manifest.files.items() if name.startswith("data/")}
    import_crisis(held_out.root, [fill_sheet(sheet, tmp_path / "a.csv", _decide("no_crisis", "anna"))])
    after = Release(held_out.root)
    assert {name: record for name, record in after.manifest.files.items() if name.startswith("data/")} == before
    assert list(validate_release(after)) == []
    assert verify_release(after.root).differences == ()
    assert "review.json" in after.manifest.files


def test_neither_comments_nor_words_are_stored(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    path = fill_sheet(
        sheet, tmp_path / "a.csv", lambda line: {"decision": "crisis", "reader": "a", "comment": "I know this person"}
    )
    import_crisis(held_out.root, [path])
    stored = (held_out.root / "review.json").read_text(encoding="utf-8")
    assert not any(text in stored for text in ("I know", NAMED, HINTED, SITUATION, "goodbye"))


def test_both_kinds_of_review_stand_side_by_side(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", shared_release("2.0.0"))
    out = export(release, tmp_path / "out", size=40)
    anna = out.filled(tmp_path / "anna.csv", at_random("anna"))
    labels = import_review(release.root, out.key_path, [anna]).review
    export_crisis(release, tmp_path / "sheet.csv")
    sheet = fill_sheet(tmp_path / "sheet.csv", tmp_path / "ben.csv", _decide("unsure", "ben"))
    decisions = import_crisis(release.root, [sheet]).review
    again = import_review(release.root, out.key_path, [anna]).review
    review = read_review(release.root)
    assert review is not None
    assert (review.configs[Config.RESPONSE], review.crisis) == (labels, decisions)
    assert again == labels


def test_reviews_from_before_still_read_and_keep_their_bytes(tmp_path: Path) -> None:
    older = {"format": 1, "replicates": 400, "configs": {}}
    (tmp_path / "review.json").write_text(json.dumps(older))
    review = read_review(tmp_path)
    assert review == Review(replicates=400, configs={})
    assert review is not None and review.model_dump(mode="json") == older


# The card


def _done(held_out: Release, sheet: Path, tmp_path: Path, *fills: Fill) -> ImportedCrisis:
    files = [fill_sheet(sheet, tmp_path / f"{number}.csv", fill) for number, fill in enumerate(fills)]
    return import_crisis(held_out.root, files)


def test_card_says_how_many_were_looked_at(held_out: Release, sheet: Path, tmp_path: Path) -> None:
    _done(held_out, sheet, tmp_path, _decide("crisis", "anna", NAMED))
    assert crisis_lines(read_review(held_out.root)) == [
        "1 person read 1 of 8 findings, and so all findings of 1 of 4 dialogues: a crisis 1 time, no crisis 0 times, "
        "not sure 0 times.",
        "3 findings of these are not a sign of a crisis, but an answer of a judge that could not be read.",
        "Their decisions released nothing from the holdout.",
    ]
    done = _done(held_out, sheet, tmp_path, _decide("unsure", "ben", NAMED, HINTED))
    lines = crisis_lines(read_review(held_out.root))
    assert lines[0].startswith("2 people read 4 of 8 findings, and so all findings of 2 of 4 dialogues")
    assert done.review.alpha.value is not None
    assert lines[2] == "Several people read 1 finding: too few to measure their agreement."
    assert crisis_lines(None) == []
