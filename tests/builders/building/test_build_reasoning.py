"""A whole build with traces, a stylist and a panel, against a real HTTP server on loopback that misbehaves."""

from collections import Counter
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, Faults
from support.command import ipm_prefdial
from support.persona import play_role_of_panels

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.prompts.context import draw_profile
from ipm_prefdial.prompts.parsers.trace import parse_trace
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.emotion import Profile
from ipm_prefdial.schemas.inference import Task
from ipm_prefdial.schemas.rows import rows_of
from ipm_prefdial.schemas.spec import SourceRef
from ipm_prefdial.schemas.trace import Trace

ROUGH = Faults(rate_limited=0.03, server_error=0.01, cut=0.01, fenced=0.1, prose=0.1)
MODELS = ("mock", "one", "two", "first", "second", "third")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The build; planner, responder and joint are embedded, so that only traces are asked of the server."""
    out = tmp_path_factory.mktemp("traces") / "release"
    with ChatServer(play_role_of_panels, faults=ROUGH, models=MODELS) as server:
        models = ModelOptions(
            reasoner=tuple(f"{name}@{server.url}" for name in ("one", "two")),
            stylist=(f"mock@{server.url}",),
            judge=tuple(f"{name}@{server.url}" for name in ("first", "second", "third")),
            concurrency=8,
        )
        build(BuildOptions(out=out, release="2.1.0", sources=(SourceRef(uri="sample"),), models=models, limit=4))
    assert {"rate_limited", "fenced", "prose"} <= server.met.keys()
    return Release(out)


def test_the_release_is_valid_and_a_rebuild_gives_its_bytes(built: Release) -> None:
    assert list(validate_release(built)) == []
    assert verify_release(built.root).differences == ()


def test_every_candidate_is_a_row_or_a_named_drop(built: Release) -> None:
    dropped = Counter(row["config"] for row in built.rows(Config.DROPPED))
    for config in REASONING_CONFIGS:
        counts, rows = built.manifest.counts[config], list(built.rows(config))
        assert counts.conserved
        assert counts.candidates == len(rows) + dropped[config]
        assert rows
        for row in rows:
            rows_of(3)[config].model_validate(row)
    asked = [row for row in built.rows(Config.COMPLETIONS) if row["task"] == Task.REASONER]
    barred = {DropReason.NO_SEEKER_TURN, DropReason.CROWD_CHATTER, DropReason.NOTHING_TO_SUPPORT, DropReason.CRISIS}
    never = sum(built.manifest.counts[Config.REASONING_STEPS].dropped.get(reason, 0) for reason in barred)
    assert built.manifest.counts[Config.REASONING_STEPS].candidates - never == len(asked)


def test_steps_are_labelled_by_the_panel_and_join_to_a_trace(built: Release) -> None:
    labels: Counter[bool] = Counter()
    for row in built.rows(Config.REASONING_STEPS):
        assert isinstance(parse_trace("\n".join(row["completions"])), Trace)
        assert len(row["judgements"]) == 3
        labels.update(row["labels"])
    assert min(labels[True], labels[False]) > 20
    rules = {panel["rule"] for row in built.rows(Config.REASONING_STEPS) for panel in row["panels"]}
    assert "emotion_has_cues@1: no such cue of the face is there" in rules


def test_demonstrations_are_right_in_every_step_and_some_are_rewritten(built: Release) -> None:
    right = {row["reasoner"]["request_key"] for row in built.rows(Config.REASONING_STEPS) if all(row["labels"])}
    shown = list(built.rows(Config.REASONING))
    own = {row["reasoner"]["request_key"]: row for row in shown if row["rewrite"] is None}
    assert own.keys() == right
    rewritten = [row for row in shown if row["rewrite"] is not None]
    assert rewritten
    for row in rewritten:
        before = own[row["reasoner"]["request_key"]]
        assert row["rewrite"]["original"] in before["completion"][0]["content"]
        assert row["completion"] != before["completion"]
        profile = Profile.model_validate(row["rewrite"]["profile"])
        assert profile == draw_profile(before["row_id"], built.manifest.spec.seed)
    assert DropReason.NOT_KEPT in built.manifest.counts[Config.REASONING].dropped


def test_pairs_hold_a_right_trace_against_a_clearly_worse_one(built: Release) -> None:
    rule = built.manifest.spec.reasoning
    assert rule is not None
    for row in built.rows(Config.REASONING_PAIRS):
        gaps = {part: row["chosen_score"][part] - row["rejected_score"][part] for part in ("process", "outcome")}
        assert min(gaps.values()) >= 0
        assert gaps["process"] > rule.process_gap - 1e-6 or gaps["outcome"] > rule.outcome_gap - 1e-6


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--release", "2.0.0", "--reasoner", "corpus"), "release 2.0.0 has no reasoning traces; leave --reasoner out"),
        (
            ("--release", "2.0.0", "--stylist", "m@http://127.0.0.1:9/v1"),
            "release 2.0.0 rewrites nothing under a personality; leave --stylist out",
        ),
        (("--release", "2.1.0", "--stylist", "corpus"), "--stylist: the embedded models cannot rewrite"),
    ],
)
def test_a_role_that_nobody_can_play_is_wrong_use(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--limit", "2", *arguments)
    assert done.code == 2
    assert told in " ".join(done.err.split())
    assert not (tmp_path / "release").exists()
