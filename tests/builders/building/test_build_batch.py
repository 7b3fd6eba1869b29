"""Whole builds in batches: byte-equal to live ones, whatever happens on the way, and paid once at half the price."""

from dataclasses import replace
from pathlib import Path

import pytest
from servers.batch_parts import Trouble
from servers.batch_server import BatchServer
from support.batches import ALL, LARGE, bytes_of, options, settled
from support.command import ipm_prefdial
from support.persona import play_role, play_role_of_panels
from support.same import bytes_of_tables

from ipm_prefdial.builders.building.estimate import estimate
from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Role


def test_a_release_made_in_batches_is_the_live_one_byte_for_byte(tmp_path: Path) -> None:
    trouble = Trouble(expire=0.05, fail=0.05, miss=0.05, lost_creates=1, short_downloads=1)
    with BatchServer(play_role) as live, BatchServer(play_role, trouble=trouble) as batch:
        build(options(tmp_path / "live", live, frozenset()))
        made = build(options(tmp_path / "batch", batch))
        assert settled(batch) and batch.asked.total() == 0 and len(batch.run_times) == len(live.answered)
    assert bytes_of(tmp_path / "batch") == bytes_of(tmp_path / "live")
    assert made.run.endpoints["mock"]["answered"] == len(batch.run_times)
    assert verify_release(tmp_path / "batch").differences == ()
    assert not (tmp_path / "batch.partial").exists()


def test_panels_crisis_judges_and_rewriting_go_in_waves_as_well(tmp_path: Path) -> None:
    with BatchServer(play_role_of_panels) as live, BatchServer(play_role_of_panels) as batch:
        build(options(tmp_path / "live", live, frozenset(), "2.0.0", 1, rewrite=True))
        build(options(tmp_path / "batch", batch, ALL, "2.0.0", 1, rewrite=True, batch_limits=LARGE))
        assert settled(batch) and len(batch.batches) >= 5
    assert bytes_of(tmp_path / "batch") == bytes_of(tmp_path / "live")


PANEL = ("mock", "one", "two", "first", "second", "third")


def test_traces_that_a_panel_labels_and_a_stylist_rewrites_go_in_waves_as_well(tmp_path: Path) -> None:
    trouble = Trouble(expire=0.03, fail=0.03, miss=0.03, lost_creates=1, short_downloads=1)

    def traced(out: Path, server: BatchServer, batch: frozenset[Role]) -> BuildOptions:
        named = {"reasoner": PANEL[1:3], "stylist": PANEL[:1], "judge": PANEL[3:]}
        models = {role: tuple(f"{name}@{server.url}" for name in names) for role, names in named.items()}
        return options(out, server, batch, "2.1.0", 1, batch_limits=LARGE, **models)

    with BatchServer(play_role_of_panels, models=PANEL) as live:
        build(traced(tmp_path / "live", live, frozenset()))
    with BatchServer(play_role_of_panels, models=PANEL, trouble=trouble) as batch:
        made = build(traced(tmp_path / "batch", batch, ALL))
        assert settled(batch) and batch.asked.total() == 0 and len(batch.run_times) == len(live.answered)
    assert bytes_of(tmp_path / "batch") == bytes_of(tmp_path / "live")
    assert all(sum(made.counts[config].rows.values()) for config in REASONING_CONFIGS)
    assert verify_release(tmp_path / "batch").differences == ()


def test_judges_are_asked_after_the_replies_that_they_judge(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        build(options(tmp_path / "release", server))
        told = [{line["body"]["messages"][0]["content"][:11] for line in one.lines} for one in server.batches.values()]
    judging = [names == {"You examine"} for names in told]
    assert judging == sorted(judging) and not judging[0] and judging[-1]
    assert not any("You examine" in names for names, judged in zip(told, judging, strict=True) if not judged)


def test_what_an_earlier_release_answers_is_put_into_no_batch(tmp_path: Path) -> None:
    with BatchServer(play_role_of_panels) as server:
        build(options(tmp_path / "first", server, frozenset(), limit=2))
        build(options(tmp_path / "live", server, frozenset()))
        wanted = replace(options(tmp_path / "grown", server), reuse=(str(tmp_path / "first"),))
        told = estimate(wanted)
        made = build(wanted)
        reused = sum(made.run.reused[0].calls.values())
        assert settled(server) and len(server.run_times) + reused == len(keys_of(tmp_path / "live"))
        assert len(server.run_times) <= sum(one.new for one in told.roles)
        assert not server.run_times.keys() & keys_of(tmp_path / "first")
        batches = len(server.batches)
        build(replace(options(tmp_path / "again", server), reuse=(str(tmp_path / "grown"),)))
        assert len(server.batches) == batches, "all is known: there is nothing to submit"
    assert bytes_of_tables(tmp_path / "grown") == bytes_of_tables(tmp_path / "live")
    assert bytes_of_tables(tmp_path / "again") == bytes_of_tables(tmp_path / "live")


def keys_of(root: Path) -> set[str]:
    """The requests that a release has answers to."""
    return {row["request_key"] for row in Release(root).rows(Config.COMPLETIONS)}


def test_some_roles_in_batches_and_others_live(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        build(options(tmp_path / "release", server, frozenset({Role.JUDGE})))
        assert settled(server) and server.asked and set(server.asked.values()) == {1}
        asked = {line["body"]["messages"][0]["content"][:11] for one in server.batches.values() for line in one.lines}
        assert asked == {"You examine"}


def test_what_fails_in_every_batch_is_a_named_drop(tmp_path: Path) -> None:
    with BatchServer(play_role, trouble=Trouble(fail=0.1, lasts=True)) as server:
        build(options(tmp_path / "release", server))
        assert settled(server)
    reasons = {row["reason"] for row in Release(tmp_path / "release").rows(Config.DROPPED)}
    assert DropReason.CALL_FAILED in reasons
    assert verify_release(tmp_path / "release").differences == ()


def test_the_estimate_tells_both_prices_and_the_build_keeps_to_the_lower(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {mock: {prompt: 100, completion: 100, batch: 0.25}}")
    with BatchServer(play_role) as server:
        wanted = options(tmp_path / "release", server, prices=prices)
        judge = next(one for one in estimate(wanted).roles if one.role is Role.JUDGE)
        assert judge.cost_usd is not None and judge.batch_usd == pytest.approx(judge.cost_usd / 4, rel=1e-3)
        manifest = build(wanted)
        assert manifest.run.cost_usd == pytest.approx(len(server.run_times) * 19 * 100 * 0.25 / 1e6)


def test_batches_are_no_work_for_a_cluster(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--mode", "batch", "--engine", "ray")
    assert done.code == 2
    assert "leave one of the two out" in " ".join(done.err.split())
    assert list(tmp_path.iterdir()) == []


def test_batches_go_to_one_place(tmp_path: Path) -> None:
    with BatchServer(play_role) as server, pytest.raises(UsageError, match="one base URL"):
        build(
            BuildOptions(
                out=tmp_path / "release", models=ModelOptions(judge=(f"mock@{server.url},http://h:1/v1",), batch=ALL)
            )
        )


@pytest.mark.parametrize("mode", ["batched", "batch:", "batch:teacher", "live:judge"])
def test_a_mode_that_is_none(tmp_path: Path, mode: str) -> None:
    assert ipm_prefdial("build", "--out", tmp_path / "release", "--mode", mode).code == 2
