"""What reads a release says the same on a Ray cluster, word for word."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Done, clean_environ, command_line, ipm_prefdial
from support.ray_cluster import RayCluster, ray_cluster, why_no_ray
from support.releases import build_scripted, change_cell, copy_release, refresh_hashes

from ipm_prefdial.builders.release.read import Release

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_no_ray() is not None, reason=str(why_no_ray()))]

RESPONSES = "data/response/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """One node beside the head."""
    with ray_cluster(nodes=1) as running:
        yield running


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release with reasoning traces."""
    return build_scripted(tmp_path_factory.mktemp("old") / "release", limit=8, release="2.1.0")


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory, release: Release) -> Release:
    """Another with a fault."""
    copy = copy_release(tmp_path_factory.mktemp("new") / "release", release)
    change_cell(copy, RESPONSES, 0, "responder.request_key", "0" * 64)
    return refresh_hashes(copy.root)


def both(cluster: RayCluster, *words: str | Path) -> Done:
    """What a command says here, which is what it says on the cluster."""
    here, there = ipm_prefdial(*words), ipm_prefdial(*words, "--engine", f"ray:{cluster.address}", timeout_s=900)
    assert (there.out, there.code) == (here.out, here.code), there.err
    return here


def test_a_release_is_validated(cluster: RayCluster, release: Release, damaged: Release) -> None:
    assert both(cluster, "validate", release.root).code == 0
    done = both(cluster, "validate", damaged.root, "--json")
    assert done.code == 1
    assert "not in completions" in done.out


def test_a_release_is_audited(cluster: RayCluster, release: Release) -> None:
    assert '"artefacts"' in both(cluster, "audit", release.root, "--json", "--no-write").out


def test_releases_are_compared(cluster: RayCluster, release: Release, damaged: Release) -> None:
    assert "responder" in both(cluster, "diff", release.root, damaged.root, "--rows", "--json").out


def test_a_damaged_table_ends_with_one_line(cluster: RayCluster, tmp_path: Path, release: Release) -> None:
    broken = copy_release(tmp_path / "release", release)
    (broken.root / RESPONSES).write_bytes(b"no table")
    done = ipm_prefdial("audit", broken.root, "--engine", f"ray:{cluster.address}", timeout_s=900)
    assert done.code == 1
    (line,) = (line for line in done.err.splitlines() if line.startswith("ipm-prefdial:"))
    assert RESPONSES in line


def test_a_part_that_dies_is_done_again(cluster: RayCluster, release: Release) -> None:
    words = ("audit", release.root, "--json", "--no-write")
    engine = ("--engine", f"ray:{cluster.address}")
    running = subprocess.Popen(
        command_line(*words, *engine), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environ()
    )
    while not cluster.kill_task():
        assert running.poll() is None, "it was done before anything could die"
        time.sleep(0.05)
    out, err = running.communicate(timeout=900)
    done = ipm_prefdial(*words)
    assert (out, running.returncode) == (done.out, done.code), err
