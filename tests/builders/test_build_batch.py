"""Whole builds in batches: byte-equal to live ones, whatever happens on the way, and paid once at half the price."""

import json
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from servers.batch_server import BatchServer, Trouble
from support.command import Done, clean_environ, command_line, ipm_prefdial
from support.kills import kill_at
from support.persona import play_role, play_role_of_panels
from support.same import bytes_of_tables

from ipm_prefdial.builders.asking import cancel_batches
from ipm_prefdial.builders.cast import CastOptions
from ipm_prefdial.builders.estimate import estimate
from ipm_prefdial.builders.inference.batch.limits import BatchLimits
from ipm_prefdial.builders.pipeline import BuildOptions, NoProgress, build
from ipm_prefdial.builders.rebuild import verify_release
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.workspace import Workspace
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Role

QUICK = BatchLimits(poll_s=0.001, requests=40)
LARGE = BatchLimits(poll_s=0.001, requests=200)
ALL = frozenset(Role)


def options(
    out: Path, server: BatchServer, batch: frozenset[Role] = ALL, release: str = "1.0.0", limit: int = 3, **cast: object
) -> BuildOptions:
    """A build of the sample; the model `mock` plays whom `cast` does not name."""
    mock = dict.fromkeys(("planner", "responder", "judge"), (f"mock@{server.url}",))
    named = CastOptions(**(mock | {"batch": batch, "batch_limits": QUICK} | cast))  # type: ignore[arg-type]
    return BuildOptions(out=out, release=release, cast=named, limit=limit)


def bytes_of(root: Path) -> dict[str, bytes]:
    """Every file of a release but the manifest, and the manifest without how the run went."""
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    manifest = json.loads(files.pop("manifest.json"))
    del manifest["run"]
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def settled(server: BatchServer) -> bool:
    """Whether everything was paid once, and nothing is left at the provider."""
    return set(server.run_times.values()) == {1} and not server.files


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


def command(out: Path, server: BatchServer, *more: str) -> list[str]:
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{server.url}")]
    fast = ("--mode", "batch", "--batch-poll", "0.05", "--batch-requests", "40")
    return command_line("build", "--out", out, "--limit", "2", *models, *fast, *more)


def run(out: Path, server: BatchServer, *more: str) -> Done:
    done = subprocess.run(
        command(out, server, *more), capture_output=True, text=True, env=clean_environ(), timeout=300, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


STAGES = ["upload", "done upload", "create", "done create", "done retrieve", "download", "done download", "delete"]


def run_killed(
    out: Path, server: BatchServer, name: str, number: int, by: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """The command, killed at a call of the server's: its exit code, and what it said."""
    running: list[subprocess.Popen[str]] = []
    server.on_call = kill_at(name, number, lambda: running[-1].pid, by)
    running.append(subprocess.Popen(command(out, server), env=clean_environ(), stderr=subprocess.PIPE, text=True))
    _, told = running[-1].communicate(timeout=300)
    server.on_call = lambda name: None
    return running[-1].returncode, told


def test_an_interrupted_build_says_that_it_goes_on_and_does(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        code, told = run_killed(tmp_path / "release", server, "retrieve", 2, signal.SIGINT)
        assert code == 130 and "Traceback" not in told
        wanted = options(tmp_path / "release", server, limit=2)
        waits = sum(len(batch.lines) for batch in server.batches.values())
        assert sum(one.recorded for one in estimate(wanted).roles) == waits > 0, "what is in a batch is not new"
        build(wanted)
        assert settled(server)


def test_the_command_killed_after_a_submit_finds_its_batch(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        assert run_killed(tmp_path / "release", server, "done create", 1)[0] == -signal.SIGKILL
        live = ipm_prefdial("build", "--out", tmp_path / "release", "--limit", "2")
        assert live.code == 2 and "paid twice" in live.err
        done = run(tmp_path / "release", server)
        assert done.code == 0, done.err
        assert "wave 2" in done.err
        assert settled(server)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("stage", STAGES)
def test_the_command_killed_at_any_stage(tmp_path: Path, stage: str, number: int) -> None:
    with BatchServer(play_role) as server, BatchServer(play_role) as calm:
        assert run_killed(tmp_path / "release", server, stage, number)[0] == -signal.SIGKILL
        assert run(tmp_path / "release", server).code == 0
        assert settled(server)
        assert run(tmp_path / "calm", calm).code == 0
    assert bytes_of(tmp_path / "release") == bytes_of(tmp_path / "calm")


def test_cancelling_by_the_command(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        run_killed(tmp_path / "release", server, "done retrieve", 6)
        assert server.files
        done = ipm_prefdial(
            "build", "--mode", "batch", "--cancel", "--out", tmp_path / "release", "--batch-poll", "0.05", "--json"
        )
        assert done.code == 0, done.err
        assert json.loads(done.out)["answers"] == len(server.run_times)
        assert not server.files
        build(options(tmp_path / "release", server))
        assert settled(server)


def test_batches_are_no_work_for_a_cluster(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--mode", "batch", "--engine", "ray")
    assert done.code == 2
    assert "leave one of the two out" in " ".join(done.err.split())
    assert list(tmp_path.iterdir()) == []


def test_there_is_nothing_to_cancel_where_nothing_was_begun(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no unfinished build"):
        cancel_batches(Workspace(tmp_path / "release"), BatchLimits(), NoProgress())


def test_batches_go_to_one_place(tmp_path: Path) -> None:
    with BatchServer(play_role) as server, pytest.raises(UsageError, match="one base URL"):
        build(
            BuildOptions(
                out=tmp_path / "release", cast=CastOptions(judge=(f"mock@{server.url},http://h:1/v1",), batch=ALL)
            )
        )


@pytest.mark.parametrize("mode", ["batched", "batch:", "batch:teacher", "live:judge"])
def test_a_mode_that_is_none(tmp_path: Path, mode: str) -> None:
    assert ipm_prefdial("build", "--out", tmp_path / "release", "--mode", mode).code == 2
