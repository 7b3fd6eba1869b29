"""A build of 2.1.0 over a source without strategies beside one that has them: traces from both, pairs from one."""

import json
from pathlib import Path

import pytest
from support.command import ipm_prefdial

from ipm_prefdial.builders.auditing._gate_evidence import facts_of
from ipm_prefdial.builders.auditing.gates import check_gates
from ipm_prefdial.builders.auditing.run import audit_release
from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.config import PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.spec import SourceRef

TALKS = (
    ("afraid", "My landlord wants me out by May.", "That is soon. Where could you go?", "Nowhere_comma_ I am scared."),
    ("lonely", "Everybody moved away this year.", "I am sorry. Who do you miss?", "My sister. I feel alone."),
    ("angry", "They gave my shift to somebody else.", "Did they say why?", "No_comma_ and I am furious about it."),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The build, by the embedded models."""
    folder = tmp_path_factory.mktemp("unnamed")
    lines = ["conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"]
    for number, (feeling, first, answer, last) in enumerate(TALKS):
        said = (first, answer, last, "I hear you. That is a lot to carry by yourself.")
        lines += [f"c{number},{at + 1},{feeling},{first},{at % 2},{text},5|5|5," for at, text in enumerate(said)]
    (folder / "train.csv").write_text("\n".join(lines))
    sources = (SourceRef(uri=str(folder / "train.csv"), license="cc-by-nc-4.0"), SourceRef(uri="sample"))
    options = BuildOptions(out=folder / "release", release="2.1.0", sources=sources, limit=len(TALKS) + 8)
    build(options)
    return Release(folder / "release")


def _unnamed(release: Release) -> set[str]:
    return {row["dialogue_id"] for row in release.rows(Config.DIALOGUES) if row["source"] == "empathetic_dialogues"}


def test_the_release_is_valid_conserved_and_made_again_byte_by_byte(built: Release) -> None:
    assert list(validate_release(built)) == []
    assert verify_release(built.root).differences == ()
    assert all(counts.conserved for counts in built.manifest.counts.values())
    limits = {"lost_candidates": 0, "leaked_dialogues": 0}
    gates = check_gates(audit_release(built.root, "built"), limits, facts_of(built.manifest))
    assert {gate.answer for gate in gates if gate.name in limits} == {"passed"}


def test_traces_come_from_dialogues_without_strategies_and_nobody_votes_for_the_human(built: Release) -> None:
    unnamed = _unnamed(built)
    assert len(unnamed) == len(TALKS)
    steps = [row for row in built.rows(Config.REASONING_STEPS) if row["dialogue_id"] in unnamed]
    assert steps
    for row in steps:
        assert row["human_strategy"] is None
        assert {panel["votes"] for panel in row["panels"]} == {len(row["judgements"])}
    assert any(row["human_strategy"] for row in built.rows(Config.REASONING_STEPS))


def test_what_needs_a_strategy_is_one_named_drop_a_turn(built: Release) -> None:
    unnamed = _unnamed(built)
    for config in (*PAIR_CONFIGS, *SFT_CONFIGS):
        assert not [row for row in built.rows(config) if row["dialogue_id"] in unnamed]
        dropped = [
            row for row in built.rows(Config.DROPPED) if row["config"] == config and row["dialogue_id"] in unnamed
        ]
        assert [(row["reason"], row["strategy"]) for row in dropped] == [("no_strategy", None)] * 2 * len(TALKS)
    unnamed_drops = {row["config"] for row in built.rows(Config.DROPPED) if row["reason"] == "no_strategy"}
    assert not unnamed_drops & set(REASONING_CONFIGS)


def test_the_dry_run_asks_only_for_traces_of_them(built: Release, tmp_path: Path) -> None:
    source = built.root.parent / "train.csv"
    arguments = ("build", "--release", "2.1.0", "--source", str(source), "--license", "cc-by-nc-4.0")
    done = ipm_prefdial(*arguments, "--out", str(tmp_path / "out"), "--dry-run", "--json")
    assert done.code == 0, done.err
    calls = {role["role"]: role["calls"] for role in json.loads(done.out)["roles"]}
    assert (calls["planner"], calls["responder"], calls["joint"]) == (0, 0, 0)
    assert calls["reasoner"] == 3 * 2 * len(TALKS)
