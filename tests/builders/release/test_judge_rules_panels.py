"""In the layout with panels, every rule speaks when it is broken, names file and row, and is silent otherwise."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.planting import Plant, Row, findings, in_splits, places, shard
from support.releases import (
    change_manifest,
    change_rows,
    copy_release,
    read_rows,
    refresh_hashes,
    shared_release,
)

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.findings import RULES
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.inference import Task

_UNKNOWN = "0" * 64
_HOLDOUT = shard("crisis_holdout", "test")


@dataclass(frozen=True)
class Fault:
    """One fault in the first row of a table that it can be put into."""

    rule: str
    config: str
    detail: str
    """What exactly must be found, and nothing else."""
    change: Callable[[Row], Any]
    fits: Callable[[Row], Any] = lambda row: True

    def __str__(self) -> str:
        return f"{self.rule}-{self.config}-{self.detail}"

    @property
    def file(self) -> str:
        """The table that it is put into."""
        return _HOLDOUT if self.config == "crisis_holdout" else shard(self.config)

    def plant(self, release: Release) -> int:
        """Puts the fault there; the number of the row."""
        (number, *_) = [at for at, row in enumerate(read_rows(release, self.file)) if self.fits(row)]
        change_rows(release, self.file, lambda rows: self.change(rows[number]))
        refresh_hashes(release.root)
        return number


def _judge(place: int, **changes: Any) -> Callable[[Row], Any]:
    return lambda row: row["judgements"][place].update(changes)


def _panel(**changes: Any) -> Callable[[Row], Any]:
    return lambda row: row["panel"].update(changes)


def _no_majority(row: Row) -> None:
    row["panel"].update(votes=1, margin=round(-1 / 3, 4))


def _other_error(row: Row) -> None:
    """An error that nobody named, with the confidence that goes with it."""
    named = {one["rejected_error"] for one in row["judgements"]}
    row["rejected_error"] = next(
        error for error in ("strategy_mismatch", "emotion_misread", "lack_of_empathy") if error not in named
    )
    row["panel"]["confidence"] = round(1 / (len(row["judgements"]) + 2), 4)


def _votes_of_all(row: Row) -> bool:
    return bool(row["panel"]["votes"] == row["panel"]["judges"])


def _no_dissent(row: Row) -> bool:
    return all(one["better"] == "chosen" for one in row["judgements"])


_ORDERS = "a judge did not answer in both orders"
_NUMBERS = "votes, margin or confidence are not the result of the judgements"

FAULTS = (
    *(Fault("verdict", config, _ORDERS, _judge(0, order="rejected_first")) for config in PAIR_CONFIGS),
    Fault("verdict", "response", _ORDERS, lambda row: row["panel"].update(judges=4, votes=4), _votes_of_all),
    *(
        Fault("verdict", config, "no majority of the judges finds the rejected side worse", _no_majority)
        for config in PAIR_CONFIGS
    ),
    *(
        Fault("verdict", config, "rejected_error is one that no judge named", _other_error)
        for config in ("response", "joint")
    ),
    *(Fault("verdict", config, _NUMBERS, _panel(margin=0.5)) for config in PAIR_CONFIGS),
    Fault("verdict", "response", _NUMBERS, _panel(confidence=0.01)),
    Fault("verdict", "joint", _NUMBERS, _judge(1, better="rejected"), _no_dissent),
    Fault("verdict", "joint", _NUMBERS, _judge(1, chosen_error="lack_of_empathy"), _no_dissent),
    Fault(
        "verdict",
        "response",
        _NUMBERS,
        lambda row: row["panel"].update(votes=2, margin=0.3333),
        _votes_of_all,
    ),
    Fault("not_null", "response", "panel is null", lambda row: row.update(panel=None)),
    Fault("not_null", "response", "panel.margin is null", _panel(margin=None)),
    Fault("not_null", "joint", "judgements.model is null", _judge(2, model=None)),
    Fault("not_null", "strategy", "judgements is null", lambda row: row.update(judgements=None)),
    Fault("not_null", "dropped", "judgements is null", lambda row: row.update(judgements=None)),
    Fault(
        "not_null",
        "response",
        "closeness.meaning is null",
        lambda row: row["closeness"].update(meaning=None),
    ),
    Fault(
        "not_null", "crisis_holdout", "findings.said_to_be_past is null",
        lambda row: row["findings"][0].update(said_to_be_past=None),
    ),
    Fault("enum", "response", "judgements.order is none of chosen_first, rejected_first", _judge(0, order="first")),
    Fault("enum", "response", "judgements.better is none of chosen, rejected, tie", _judge(0, better="both")),
    Fault(
        "enum",
        "crisis_holdout",
        "findings.category is none of self_harm, abuse, acute_danger",
        lambda row: row["findings"][0].update(category="sadness"),
    ),
    Fault(
        "enum",
        "completions",
        f"task is none of {', '.join(Task)}",
        lambda row: row.update(task="critic"),
    ),
    Fault(
        "known_call", "response", "judgements.request_key is not in completions", _judge(3, request_key=_UNKNOWN)
    ),
    Fault("known_call", "dropped", "judgements.request_key is not in completions", _judge(0, request_key=_UNKNOWN),
          lambda row: row["judgements"]),
    Fault(
        "known_call",
        "response",
        "rewrite.request_key is not in completions",
        lambda row: row["rewrite"].update(request_key=_UNKNOWN),
        lambda row: row["rewrite"],
    ),
    Fault(
        "known_call",
        "crisis_holdout",
        "findings.request_key is not in completions",
        lambda row: row["findings"][-1].update(request_key=_UNKNOWN),
        lambda row: row["findings"][-1]["judge"],
    ),
    Fault(
        "dialogue",
        "crisis_holdout",
        "a dialogue has turns unless it is withheld, and only then",
        lambda row: row.update(turns=[]),
    ),
    Fault("license", "crisis_holdout", "license is not a known licence", lambda row: row.update(license="beerware")),
    Fault("row_id", "crisis_holdout", "is not 32 hexadecimal digits", lambda row: row.update(row_id="6")),
)  # fmt: skip


def test_untouched_release_has_no_findings() -> None:
    assert findings(shared_release("2.0.0")) == []


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_planted_fault_is_found_and_nothing_else(judged: Release, fault: Fault) -> None:
    number = fault.plant(judged)
    found = {(one.rule, one.file, one.row, one.detail) for one in findings(judged)}
    due = {(fault.rule, fault.file, number, fault.detail)}
    if fault.rule == "license":  # the strictest of all cannot be told any more
        found = {one for one in found if one[1] == fault.file}
    assert found == due


def test_the_faults_of_the_first_layout_are_told_in_the_second_too() -> None:
    assert {fault.rule for fault in FAULTS} <= set(RULES)


# Dialogues in a crisis.


def _first(config: Config, release: Release) -> Row:
    return next(release.rows(config))


@pytest.mark.parametrize("split", Split)
def test_a_dialogue_in_a_crisis_that_is_listed_among_the_others_too_is_told(judged: Release, split: Split) -> None:
    columns = [*_first(Config.DIALOGUES, judged)]
    held_out = _first(Config.CRISIS_HOLDOUT, judged)
    copy = {name: held_out[name] for name in columns} | {"row_id": "0" * 32}
    change_rows(judged, shard("dialogues", split.value), lambda rows: rows.append(copy))
    refresh_hashes(judged.root)
    found = findings(judged)
    assert {one.rule for one in found} == {"splits"}
    assert [one.detail for one in found if (one.file, one.row) == (_HOLDOUT, 0)] == [
        f"dialogue {held_out['dialogue_id']} is in {split} too"
    ]
    elsewhere = {one.file for one in found} - {_HOLDOUT}
    assert elsewhere == (set() if split is Split.TEST else {shard("dropped", "test")})


@pytest.mark.parametrize("config", ["strategy", "response", "joint", "strategy_sft", "response_sft", "joint_sft"])
def test_a_row_that_was_made_of_a_dialogue_in_a_crisis_is_told(judged: Release, config: str) -> None:
    """The rows of its own split: its only place is `crisis_holdout`, and the drops that say so."""
    held_out = _first(Config.CRISIS_HOLDOUT, judged)["dialogue_id"]
    file = shard(config, "test")
    change_rows(judged, file, lambda rows: rows[0].update(dialogue_id=held_out))
    refresh_hashes(judged.root)
    assert [(one.file, one.row) for one in findings(judged)] == [(file, 0)]


@pytest.mark.parametrize(("column", "value"), [("contaminated_by", "exam"), ("repeats", None)])
def test_a_row_that_was_made_of_a_dialogue_that_gives_none_is_told(
    judged: Release, column: str, value: str | None
) -> None:
    listed = read_rows(judged, shard("dialogues"))
    of_use = {row["dialogue_id"] for config in PAIR_CONFIGS for row in judged.rows(config)}
    number = next(at for at, row in enumerate(listed) if at and row["dialogue_id"] in of_use)
    value = value or listed[0]["dialogue_id"]
    change_rows(judged, shard("dialogues"), lambda rows: rows[number].update({column: value}))
    refresh_hashes(judged.root)
    told = {one.file for one in findings(judged)}
    assert told & {shard(config.value) for config in PAIR_CONFIGS}


def test_a_dialogue_that_is_held_out_for_nothing_is_told(judged: Release) -> None:
    change_rows(judged, _HOLDOUT, lambda rows: rows[1].update(findings=[]))
    refresh_hashes(judged.root)
    assert [(one.file, one.row) for one in findings(judged)] == [(_HOLDOUT, 1)]


def _forgets_a_held_out(listed: dict[str, Any]) -> None:
    listed["held_out"].pop()


def _invents_a_held_out(listed: dict[str, Any]) -> None:
    listed["held_out"].append("0" * 16)


def _tests_a_held_out(listed: dict[str, Any]) -> None:
    listed["splits"]["test"].append(listed["held_out"].pop())


def _lists_a_held_out_twice(listed: dict[str, Any]) -> None:
    listed["splits"]["test"].append(listed["held_out"][0])


def _holds_out_another(listed: dict[str, Any]) -> None:
    listed["held_out"].append(listed["splits"]["train"].pop())


def _has_no_held_out(listed: dict[str, Any]) -> None:
    del listed["held_out"]


def _has_a_held_out_that_is_no_list(listed: dict[str, Any]) -> None:
    listed["held_out"] = 3


_LISTS = (
    _forgets_a_held_out,
    _invents_a_held_out,
    _tests_a_held_out,
    _lists_a_held_out_twice,
    _holds_out_another,
    _has_no_held_out,
    _has_a_held_out_that_is_no_list,
)


@pytest.mark.parametrize("plant", [in_splits(change) for change in _LISTS], ids=str)
def test_the_list_of_those_held_out_is_held_against_the_tables(judged: Release, plant: Plant) -> None:
    plant.change(judged)
    refresh_hashes(judged.root)
    assert places(judged) == {plant.place}


def test_those_held_out_are_in_no_split() -> None:
    release = shared_release("2.0.0")
    listed = json.loads((release.root / "splits.json").read_bytes())
    held_out = {row["dialogue_id"] for row in release.rows(Config.CRISIS_HOLDOUT)}
    assert set(listed["held_out"]) == held_out
    assert listed["held_out"] == sorted(held_out)
    for split in Split:
        assert set(listed["splits"][split]) == {row["dialogue_id"] for row in release.rows(Config.DIALOGUES, split)}
    assert "held_out" not in json.loads((shared_release().root / "splits.json").read_bytes())


# The same by a rebuild.


@pytest.fixture
def small(tmp_path: Path) -> Release:
    """A copy of a release of few dialogues, since a rebuild makes it anew."""
    return copy_release(tmp_path / "small", shared_release("2.0.0", 8))


def test_a_rebuild_gives_the_same_bytes() -> None:
    done = verify_release(shared_release("2.0.0", 8).root)
    assert done.clean
    assert done.other_writer is None


@pytest.mark.parametrize(
    "fault",
    [
        Fault("verify", "response", "panel", _panel(votes=2, margin=0.3333)),
        Fault("verify", "joint", "closeness", lambda row: row["closeness"].update(style=0.5)),
        Fault("verify", "strategy", "judgements", _judge(0, rationale="It was told otherwise.")),
        Fault("verify", "dropped", "detail", lambda row: row.update(detail="so")),
        Fault("verify", "response", "rewrite", lambda row: row.update(rewrite=None), lambda row: row["rewrite"]),
    ],
    ids=str,
)
def test_a_cell_that_the_records_do_not_give_is_told_by_verify(small: Release, fault: Fault) -> None:
    number = fault.plant(small)
    told = {(one.file, one.row): one.what for one in verify_release(small.root).differences if one.row is not None}
    assert told.keys() == {(fault.file, number)}
    assert told[fault.file, number].startswith(f"{fault.detail}: not what the recorded answers give")


@pytest.mark.parametrize(
    ("file", "change", "what"),
    [
        (_HOLDOUT, lambda row: row["findings"][0].update(rationale="So."), "the crisis_holdout was changed"),
        (_HOLDOUT, lambda row: row["turns"][0].update(text="Quite another thing."), "the crisis_holdout was changed"),
        (shard("dialogues"), lambda row: row.update(contaminated_by="exam"), "the dialogue was changed"),
        (shard("dialogues"), lambda row: row.update(repeats="0" * 16), "the dialogue was changed"),
        (shard("completions"), lambda row: row.update(task="joint"), "the completion was changed"),
    ],
)
def test_a_changed_input_of_the_rebuild_is_told_by_its_id(
    small: Release, file: str, change: Callable[[Row], Any], what: str
) -> None:
    change_rows(small, file, lambda rows: change(rows[0]))
    refresh_hashes(small.root)
    told = {(one.file, one.row, one.what) for one in verify_release(small.root).differences}
    assert (file, 0, what) in told


def test_a_dialogue_that_was_moved_out_of_the_holdout_is_told(small: Release) -> None:
    """As somebody would do who wants to train on it: every file says so, and the records do not."""
    columns = [*_first(Config.DIALOGUES, small)]
    row = _first(Config.CRISIS_HOLDOUT, small)
    change_rows(small, _HOLDOUT, lambda rows: rows.pop(0))
    change_rows(small, shard("dialogues"), lambda rows: rows.append({name: row[name] for name in columns}))

    def unlist(listed: dict[str, Any]) -> None:
        listed["held_out"].remove(row["dialogue_id"])
        listed["splits"]["train"] = sorted([*listed["splits"]["train"], row["dialogue_id"]])

    in_splits(unlist).change(small)
    refresh_hashes(small.root)
    told = {one.file for one in verify_release(small.root).differences}
    assert {_HOLDOUT, shard("dialogues")} <= told


def test_a_manifest_that_counts_other_benchmarks_than_were_named_is_told(small: Release) -> None:
    record = {"name": "exam", "sha256": "0" * 64, "texts": 1, "dialogues": 3}
    change_manifest(small.root, lambda manifest: manifest.update(benchmarks=[record]))
    told = [one.file for one in verify_release(small.root).differences]
    assert told
