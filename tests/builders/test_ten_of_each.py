"""Ten faults of one kind at a time in a clean release: `validate` and `audit` find these ten and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.audits import audit_release, found_faults
from support.releases import change_rows, copy_release, refresh_hashes, shared_release

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.config import Config

Row = dict[str, Any]

_FILE = "data/response/train-00000-of-00001.parquet"
_ROWS = range(3, 83, 8)
"""Ten rows that are not neighbours."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    rule: str
    """The rule of `validate` that is broken."""
    audited: str | None
    """The kind of fault that `audit` calls it; None where a measure of pairs cannot see it."""
    change: Callable[[Row], object]
    """Puts the fault into a row."""


def _said(side: str, words: Callable[[Row], str]) -> Callable[[Row], object]:
    return lambda row: row[side][0].update(content=words(row))


def _spaced(text: str) -> str:
    """The same words to anybody who reads them, and not to a computer."""
    return f" {text.upper()} "


def _first_judgement(**changes: Any) -> Callable[[Row], object]:
    return lambda row: row["judgements"][0].update(changes)


FAULTS = (
    Fault("equal sides", "sides_differ", "equal_sides", _said("rejected", lambda row: row["chosen"][0]["content"])),
    Fault(
        "sides that differ in case and spacing",
        "sides_differ",
        "equal_normalised_sides",
        _said("rejected", lambda row: _spaced(row["chosen"][0]["content"])),
    ),
    Fault("an empty chosen side", "messages", "empty_side", _said("chosen", lambda row: " ")),
    Fault("an empty rejected side", "messages", "empty_side", _said("rejected", lambda row: "")),
    Fault("a side that the user says", "messages", "side_roles", lambda row: row["chosen"][0].update(role="user")),
    Fault(
        "a prompt that the assistant ends",
        "messages",
        "prompt_roles",
        lambda row: row["prompt"][-1].update(role="assistant"),
    ),
    Fault(
        "a strategy in brackets",
        "strategy",
        None,
        _said("rejected", lambda row: f"[Question] {row['rejected'][0]['content']}"),
    ),
    Fault("a strategy that is none", "enum", None, lambda row: row.update(strategy="Hugging")),
    Fault("no source", "not_null", None, lambda row: row.update(source=None)),
    Fault("an id that is none", "row_id", None, lambda row: row.update(row_id="x" + row["row_id"][1:])),
    Fault("another source than the dialogue's", "dialogue", None, lambda row: row.update(source="elsewhere")),
    Fault("a dialogue that is not there", "dialogue", None, lambda row: row.update(dialogue_id="0" * 16)),
    Fault("a judge's call that is not there", "known_call", None, _first_judgement(request_key="0" * 64)),
    Fault(
        "a responder's call that is not there",
        "known_call",
        None,
        lambda row: row["responder"].update(request_key="0" * 64),
    ),
    Fault("a margin that is made up", "verdict", None, lambda row: row["panel"].update(margin=0.123)),
    Fault("a panel without a majority", "verdict", None, lambda row: row["panel"].update(votes=0, margin=-1.0)),
    Fault("answers that do not carry the panel", "verdict", "no_majority", lambda row: _turned(row)),
    Fault("an error that no judge named", "verdict", None, lambda row: _unnamed(row)),
)


def _turned(row: Row) -> None:
    """Every judge prefers the other side."""
    for judgement in row["judgements"]:
        judgement["better"] = "rejected"


def _unnamed(row: Row) -> None:
    """Another error than any judge's; the panel's confidence is brought in line, so that this alone is wrong."""
    named = {judgement["rejected_error"] for judgement in row["judgements"]}
    row["rejected_error"] = next(one for one in ("emotion_misread", "template_response") if one not in named)
    row["panel"]["confidence"] = round(1 / (len(row["judgements"]) + 2), 4)


def _planted(root: Path, fault: Fault) -> Release:
    release = copy_release(root, shared_release("2.0.0", 30))

    def change(rows: list[Row]) -> None:
        for row in _ROWS:
            fault.change(rows[row])

    change_rows(release, _FILE, change)
    return refresh_hashes(root)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_ten_of_each_are_found_and_nothing_else(fault: Fault, tmp_path: Path) -> None:
    release = _planted(tmp_path / "release", fault)
    found = [(one.rule, one.file, one.row) for one in validate_release(release)]
    assert sorted(found) == sorted((fault.rule, _FILE, row) for row in _ROWS)
    due = {} if fault.audited is None else {(Config.RESPONSE.value, fault.audited): len(_ROWS)}
    assert found_faults(audit_release(release, 50)) == due


def test_ten_repeated_pairs_are_found_and_nothing_else(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", shared_release("2.0.0", 30))

    def repeat(rows: list[Row]) -> None:
        for row in _ROWS:
            kept = {"row_id": rows[row + 1]["row_id"]}
            rows[row + 1] = {**rows[row], **kept}

    change_rows(release, _FILE, repeat)
    release = refresh_hashes(tmp_path / "release")
    found = {(one.rule, one.file, one.row) for one in validate_release(release)}
    assert found == {("duplicate_pair", _FILE, row + 1) for row in _ROWS}
    assert found_faults(audit_release(release, 50)) == {("response", "duplicate_pair"): 10}


def test_a_clean_release_has_none() -> None:
    release = shared_release("2.0.0", 30)
    assert list(validate_release(release)) == []
    assert found_faults(audit_release(release, 50)) == {}
