"""What an audit says of a whole release agrees with its tables; leakage is found; parts may be empty."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.audits import audit_release
from support.releases import build_scripted, change_rows, copy_release, flip_byte, read_rows, shared_release

from ipm_prefdial.builders.auditing.run import audit_json, audit_source, write_audit
from ipm_prefdial.builders.auditing.subjects import ReleaseSource
from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.cards.pictures import PICTURES
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.errors import DataError, UsageError

Row = dict[str, Any]


@pytest.fixture(scope="module")
def audit() -> Audit:
    """Of the untouched release."""
    return audit_release(shared_release())


def test_rows_are_the_manifests(audit: Audit) -> None:
    counts = shared_release().manifest.counts
    assert audit.rows == {
        config: {split.value: n for split, n in counts[config].rows.items()} for config in PAIR_CONFIGS
    }


def test_nothing_is_lost_and_nothing_leaks(audit: Audit) -> None:
    assert {one.lost for one in audit.conservation} == {0}
    assert len(audit.conservation) == 6
    assert {(one.dialogues, one.pairs) for one in audit.leakage} == {(0, 0)}
    assert audit.near_duplicates is not None
    assert (audit.near_duplicates.looked_at, audit.near_duplicates.across_splits) == (50, 0)


def test_flow_ends_in_the_rows(audit: Audit) -> None:
    for flow in audit.flows:
        counts = shared_release().manifest.counts[Config(flow.config)]
        assert flow.candidates == counts.candidates
        assert {step.reason: step.dropped for step in flow.steps} == counts.dropped
        assert flow.rows == sum(counts.rows.values()) == (flow.steps[-1].left if flow.steps else flow.candidates)
        assert sum(flow.by_strategy.values()) == flow.candidates
        for step in flow.steps:
            assert sum(step.left_by_strategy.values()) == step.left


def test_labels_and_tables_count_every_row(audit: Audit) -> None:
    rows = [*shared_release().rows(Config.STRATEGY)]
    table = next(one for one in audit.tables if (one.config, one.columns_are) == ("strategy", "rejected_strategy"))
    due = Counter((row["chosen_strategy"], row["rejected_strategy"]) for row in rows)
    found = {
        (row, column): number
        for row, numbers in zip(table.rows, table.counts, strict=True)
        for column, number in zip(table.columns, numbers, strict=True)
        if number
    }
    assert found == due
    labels = sum(sum(one.counts.values()) for one in audit.labels if (one.config, one.label) == ("strategy", "error"))
    assert labels == len(rows)


def test_flags_count_rows_and_drops(audit: Audit) -> None:
    release = shared_release()
    drops = [row for row in release.rows(Config.DROPPED) if row["config"] == "response"]
    judged = [row["chosen_verdict"] for row in [*release.rows(Config.RESPONSE), *drops]]
    read = [one for one in judged if one is not None and one["rationale"] is not None]
    found = next(one for one in audit.flags if (one.config, one.side, one.strategy) == ("response", "human", None))
    assert found.rate.n == len(read)
    assert found.flagged == sum(one["error"] is not None for one in read) == sum(found.errors.values())
    assert found.rate.value == pytest.approx(found.flagged / len(read), abs=1e-6)
    answers = [one for one in audit.verdicts if (one.config, one.side) == ("response", "human")]
    assert [one.judge for one in answers] == ["scripted#r1"]
    assert answers[0].parsed + answers[0].unparsed + answers[0].failed == sum(one is not None for one in judged)
    assert min(answers[0].unparsed, answers[0].failed) > 0


def test_every_value_lies_in_its_interval(audit: Audit) -> None:
    intervals = [
        *(one.rate for one in audit.flags),
        *(one.difference for one in audit.style),
        *(one.auc for one in audit.artefacts),
    ]
    for one in intervals:
        if one.value is not None and one.low is not None and one.high is not None:
            assert one.low <= one.value <= one.high or one.high - one.low < 0.2


def test_histograms_hold_every_side(audit: Audit) -> None:
    drawn = [one for one in audit.style if one.histogram is not None]
    assert {one.feature for one in drawn} == {"characters", "words"}
    for one in drawn:
        assert one.histogram is not None
        assert sum(one.histogram.chosen) == sum(one.histogram.rejected) == one.difference.n
        assert len(one.histogram.edges) == len(one.histogram.chosen) + 1


def test_filter_that_drops_one_strategy_shows(tmp_path: Path, audit: Audit) -> None:
    release = copy_release(tmp_path / "release")
    dropped = "data/dropped/train-00000-of-00001.parquet"
    gone: list[Row] = []

    def drop_questions(rows: list[Row]) -> None:
        gone.extend(row for row in rows if row["strategy"] == "Question")
        rows[:] = [row for row in rows if row["strategy"] != "Question"]

    def take_in(rows: list[Row]) -> None:
        template = next(row for row in rows if row["config"] == "response" and row["reason"] == "rejected_sound")
        shared = ("dialogue_id", "turn", "source", "license", "row_id", "strategy")
        rows.extend(template | {name: row[name] for name in shared} for row in gone)

    change_rows(release, "data/response/train-00000-of-00001.parquet", drop_questions)
    change_rows(release, dropped, take_in)
    before, after = (
        next(one for one in a.filter_bias if one.config == "response") for a in (audit, audit_release(release))
    )
    assert before.kept["Question"].value > 0.5 > 0.3 > after.kept["Question"].value  # type: ignore[operator]
    assert after.keeping.value > before.keeping.value + 0.1  # type: ignore[operator]
    assert before.before == after.before


def test_dialogue_in_two_splits_is_leakage(release: Release) -> None:
    moved = read_rows(release, "data/response/train-00000-of-00001.parquet")[:3]
    change_rows(release, "data/response/test-00000-of-00001.parquet", lambda rows: rows.extend(moved))
    audit = audit_release(release, sample=50)
    leak = next(one for one in audit.leakage if one.config == "response")
    assert leak.pairs == leak.replies == 3
    assert leak.prompts >= 3
    assert leak.dialogues == len({row["dialogue_id"] for row in moved})
    assert {"leaked_dialogues", "leaked_pairs"} <= {gate.name for gate in audit.failed}


def test_near_duplicate_across_splits_is_leakage(release: Release) -> None:
    copy = read_rows(release, "data/dialogues/train-00000-of-00001.parquet")[0]
    copy["turns"][-1]["text"] += " Bye."
    copy |= {"dialogue_id": "f" * 16, "source": "elsewhere"}
    change_rows(release, "data/dialogues/test-00000-of-00001.parquet", lambda rows: rows.append(copy))
    audit = audit_release(release, sample=50)
    near = audit.near_duplicates
    assert near is not None
    assert (near.groups, near.units, near.across_splits, near.across_sources) == (1, 2, 1, 1)
    assert "f" * 16 in near.examples[0]
    assert [gate.name for gate in audit.failed if gate.name.startswith("leaked")] == ["leaked_near_duplicates"]


def test_lost_candidate_fails_its_gate(release: Release) -> None:
    change_rows(release, "data/joint_sft/train-00000-of-00001.parquet", lambda rows: rows.pop())
    failed = [gate for gate in audit_release(release, sample=50).failed if gate.name == "lost_candidates"]
    assert [(gate.value, gate.limit) for gate in failed] == [(1, 0)]
    assert failed[0].measure.startswith("joint_sft")


@pytest.mark.parametrize("limit", [1, 3])
def test_release_with_empty_splits_is_audited(tmp_path: Path, limit: int) -> None:
    audit = audit_release(build_scripted(tmp_path / "small", limit=limit))
    assert any(0 in splits.values() for splits in audit.rows.values())
    assert Audit.model_validate_json(audit_json(audit)) == audit


def test_release_without_a_single_pair_is_audited(release: Release) -> None:
    for config in PAIR_CONFIGS:
        for split in ("train", "validation", "test"):
            change_rows(release, f"data/{config}/{split}-00000-of-00001.parquet", list.clear)
    audit = audit_release(release)
    assert {number for splits in audit.rows.values() for number in splits.values()} == {0}
    assert audit.artefacts == audit.style == audit.faults == ()
    assert {gate.answer for gate in audit.gates if gate.name.startswith(("leaked", "artefact", "crowd"))} == {
        "cannot_tell"
    }
    assert {gate.answer for gate in audit.gates if gate.name == "rows" and "sft" not in gate.measure} == {"failed"}


def test_audit_in_a_release_keeps_it_valid_and_verified(release: Release) -> None:
    audit = audit_source(ReleaseSource(release, "tested"), 50)
    before = json.loads((release.root / "manifest.json").read_bytes())
    write_audit(release, audit)
    after = json.loads((release.root / "manifest.json").read_bytes())
    assert after["files"]["audit.json"]["bytes"] == (release.root / "audit.json").stat().st_size
    changed = {name for name, record in after["files"].items() if before["files"].get(name) != record}
    assert changed == {"audit.json", "README.md", "croissant.json", *PICTURES}
    assert {**after, "files": None} == {**before, "files": None}
    assert "### The audit's gates" in (release.root / "README.md").read_text(encoding="utf-8")
    assert Audit.model_validate_json((release.root / "audit.json").read_bytes()) == audit
    assert list(validate_release(Release(release.root))) == []
    assert verify_release(release.root).clean
    assert audit_source(ReleaseSource(Release(release.root), "tested"), 50) == audit


def test_damaged_table_is_told(release: Release) -> None:
    path = release.root / "data/response/train-00000-of-00001.parquet"
    flip_byte(path)
    with pytest.raises(DataError, match="damaged"):
        audit_release(release)


def test_gates_are_the_specs_where_it_has_some(tmp_path: Path) -> None:
    spec = shared_release().manifest.spec
    strict = spec.model_copy(update={"gates": {"artefact_words": 0.5, "faults": 0, "rows": 1}})
    release = build_scripted(tmp_path / "gated", limit=8, spec=strict)
    gates = audit_release(release).gates
    assert {gate.name for gate in gates} == {"artefact_words", "faults", "rows", "self_judging"}
    (failed,) = (gate for gate in gates if gate.name == "artefact_words")
    assert (failed.answer, failed.limit) == ("failed", 0.5)
    assert failed.low is not None
    assert failed.low > 0.5
    assert {gate.limit for gate in gates if gate.name == "rows"} == {1}


def test_gate_that_there_is_not_is_told(tmp_path: Path) -> None:
    spec = shared_release().manifest.spec.model_copy(update={"gates": {"beauty": 1}})
    release = build_scripted(tmp_path / "gated", limit=1, spec=spec)
    with pytest.raises(UsageError, match="no gate beauty"):
        audit_release(release)


def test_spec_without_gates_is_written_as_before() -> None:
    spec = shared_release().manifest.spec
    assert "gates" not in spec.model_dump(mode="json")
    assert spec.model_copy(update={"gates": {"faults": 0}}).model_dump()["gates"] == {"faults": 0}
