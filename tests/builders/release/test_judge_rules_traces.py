"""Every rule on traces speaks when it is broken, names file and row, and is silent otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.planting import Row, findings, shard
from support.releases import change_rows, copy_release, read_rows, refresh_hashes, shared_release

from ipm_prefdial.builders.release.findings import RULES
from ipm_prefdial.builders.release.read import Release


@pytest.fixture(scope="module")
def whole() -> Release:
    """A scripted release with traces: only to be read."""
    return shared_release("2.1.0", 8)


def test_untouched_release_has_no_findings(whole: Release) -> None:
    assert findings(whole) == []


def _answers(column: str, old: str, new: str) -> Callable[[Row], Any]:
    return lambda row: row[column][0].update(content=row[column][0]["content"].replace(old, new, 1))


def _step(at: int, **changes: Any) -> Callable[[Row], Any]:
    return lambda row: row["panels"][at].update(changes)


def _flip_label(row: Row) -> None:
    row["labels"][3] = not row["labels"][3]


def _swap_steps(row: Row) -> None:
    row["panels"][0], row["panels"][1] = row["panels"][1], row["panels"][0]


def _drop_step(row: Row) -> None:
    row["completions"].pop()


def _turn_vote(row: Row) -> None:
    labels = next(one["labels"] for one in row["judgements"] if one["labels"])
    labels[1] = not labels[1]


def _swap_scores(row: Row) -> None:
    row["chosen_score"], row["rejected_score"] = row["rejected_score"], row["chosen_score"]


_TRACE_OF_STEPS = "completions are not a trace with its emotion and strategy"
_NOT_PANELS = "labels or rationales are not those of its panels, step by step"
_NOT_VOTES = "panels are not the result of the judgements, the human's choice and the rules"

_NOT_RIGHT = "its trace is not labelled right in every step"
_OF_LABELS = (
    _NOT_RIGHT,
    "the chosen trace has no labels in reasoning_steps",
    "the rejected trace has no labels in reasoning_steps",
)
"""What is told besides, of rows that are made of a trace that was changed."""

FAULTS: tuple[tuple[str, str, str, Callable[[Row], Any]], ...] = (
    ("trace", "reasoning", "completion is not a trace with its emotion, intensity and strategy",
     _answers("completion", "</history>", "")),
    ("trace", "reasoning", "completion is not a trace with its emotion, intensity and strategy",
     lambda row: row.update(intensity=1 + row["intensity"] % 5)),
    ("messages", "reasoning", "completion is not one assistant message with words",
     lambda row: row["completion"][0].update(role="user")),
    ("steps", "reasoning", _NOT_RIGHT, _answers("completion", "<reply>\n", "<reply>\nAnyway, ")),
    ("steps", "reasoning_pairs", _OF_LABELS[1], _answers("chosen", "<reply>\n", "<reply>\nAnyway, ")),
    ("steps", "reasoning_pairs", _OF_LABELS[2], _answers("rejected", "<reply>\n", "<reply>\nAnyway, ")),
    ("weight", "reasoning", "weight is not above 0 and at most 1", lambda row: row.update(weight=0.0)),
    ("known_call", "reasoning", "reasoner.request_key is not in completions",
     lambda row: row["reasoner"].update(request_key="0" * 64)),
    ("enum", "reasoning", "emotion is none of", lambda row: row.update(emotion="sad")),
    ("messages", "reasoning_steps", "the prompt is empty or does not end with the user",
     lambda row: row["prompt"].pop()),
    ("trace", "reasoning_steps", _TRACE_OF_STEPS, lambda row: row["completions"].reverse()),
    ("steps", "reasoning_steps", _NOT_PANELS, _flip_label),
    ("steps", "reasoning_steps", _NOT_PANELS, _swap_steps),
    ("steps", "reasoning_steps", _NOT_PANELS, lambda row: row["rationales"].insert(0, row["rationales"].pop() + "!")),
    ("steps", "reasoning_steps", _NOT_VOTES, _step(1, confidence=0.1)),
    ("steps", "reasoning_steps", _NOT_VOTES, _step(2, votes=9)),
    ("steps", "reasoning_steps", _NOT_VOTES, _turn_vote),
    ("weight", "reasoning_steps", "weight is not above 0 and at most 1", lambda row: row.update(weight=1.5)),
    (
        "trace",
        "reasoning_pairs",
        "chosen is not a trace with chosen_strategy",
        _answers("chosen", "\nstrategy: ", "\n"),
    ),
    ("trace", "reasoning_pairs", "rejected is not a trace with rejected_strategy",
     _answers("rejected", "<reply>", "<answer>")),
    ("sides_differ", "reasoning_pairs", "chosen and rejected say the same",
     lambda row: row.update(rejected=row["chosen"], rejected_strategy=row["chosen_strategy"])),
    ("score", "reasoning_pairs", "the chosen trace is not better where the row says so, or is worse elsewhere",
     _swap_scores),
    ("known_call", "reasoning_pairs", "rejected_reasoner.request_key is not in completions",
     lambda row: row["rejected_reasoner"].update(request_key="0" * 64)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "config", "detail", "change"), FAULTS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_planted_fault_is_found(
    whole: Release, tmp_path: Path, rule: str, config: str, detail: str, change: Callable[[Row], Any]
) -> None:
    release = copy_release(tmp_path / "release", whole)
    file = shard(config)
    change_rows(release, file, lambda rows: change(rows[0]))
    refresh_hashes(release.root)
    found = findings(release)
    own = {(one.rule, one.file, one.row) for one in found if one.detail not in _OF_LABELS or one.detail == detail}
    assert own == {(rule, file, 0)}
    assert any(one.detail.startswith(detail) for one in found)


def test_a_missing_step_is_told_once_and_as_a_broken_trace(whole: Release, tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", whole)
    file = shard("reasoning_steps")
    change_rows(release, file, lambda rows: _drop_step(rows[1]))
    refresh_hashes(release.root)
    assert {(one.rule, one.row) for one in findings(release)} == {("steps", 1), ("trace", 1)}


def test_the_rules_are_listed(whole: Release) -> None:
    assert {rule for rule, *_ in FAULTS} <= set(RULES)
    assert read_rows(whole, shard("reasoning_pairs"))
