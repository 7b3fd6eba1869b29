"""`publish` as a maintainer runs it: version after version, and every reader keeps what they had."""

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Done, clean_environ, command_line, ipm_prefdial
from support.hub import TOKEN, as_client
from support.publishing import REPO, HubServer, hub_server, publishable
from support.releases import copy_release

from ipm_prefdial.builders.release.read import Release

_LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
repo, *tags = sys.argv[1:]
found = {tag: {} for tag in tags}
for tag in tags:
    for config in get_dataset_config_names(repo, revision=tag):
        splits = load_dataset(repo, config, revision=tag)
        found[tag][config] = {name: rows.num_rows for name, rows in splits.items()}
print(json.dumps(found))
"""


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["lfs", "xet"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[HubServer]:
    """A Hub, with and without Xet."""
    with hub_server(tmp_path / "hub", xet=request.param) as hub:
        yield hub


def run(hub: HubServer, release: Release, *words: str, repo: str = REPO, token: str | None = TOKEN) -> Done:
    """The command, by a client with an empty home."""
    return ipm_prefdial("publish", release.root, "--repo", repo, *words, environ=hub.environ(token))


def loaded(hub: HubServer, home: Path, *tags: str) -> object:
    """The rows of every config that a stranger gets by each tag."""
    return as_client(hub.url, home, _LOAD, REPO, *tags)


def rows_of(release: Release) -> dict[str, dict[str, int]]:
    """The rows that a release's files hold; splits without rows cannot be loaded."""
    found: dict[str, dict[str, int]] = {}
    for name, record in release.manifest.files.items():
        if record.rows:
            _, config, shard = name.split("/")
            found.setdefault(config, {})[shard.partition("-")[0]] = record.rows
    return found


@pytest.mark.slow
def test_a_release_after_the_other(server: HubServer, tmp_path: Path) -> None:
    first = copy_release(tmp_path / "first", publishable("1.0.0", 4))
    second = copy_release(tmp_path / "second", publishable("1.1.0", 6))
    wrong = copy_release(tmp_path / "wrong", publishable("1.2.0", 3))
    third = copy_release(tmp_path / "third", publishable("2.0.0", 3))

    done = run(server, first)
    assert done.code == 0, done.err
    commit = server.repo().git("rev-parse", "v1.0.0^{commit}").strip()
    assert f"published: {REPO} v1.0.0" in done.out
    assert commit in done.out
    assert f'load_dataset("{REPO}", "response", revision="v1.0.0")' in done.out

    done = run(server, second, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["state"], told["tag"]) == ("published", "v1.1.0")

    done = run(server, wrong)
    assert done.code == 1
    assert "1.2.0 does not fit what differs from 1.1.0" in done.err
    assert "2.0.0 or larger" in done.err
    assert run(server, third).code == 0

    found = server.repo()
    assert found.titles() == ["initial commit", *(f"IPM-PrefDial {version}" for version in ("1.0.0", "1.1.0", "2.0.0"))]
    assert found.is_sound()
    by_tag = {f"v{release.manifest.version}": release for release in (first, second, third)}
    assert all(found.holds(release, tag) for tag, release in by_tag.items())
    assert loaded(server, tmp_path / "home", *by_tag) == {tag: rows_of(release) for tag, release in by_tag.items()}
    assert found.holds(third, "main")
    assert "already published" in run(server, third).out
    changelog = found.bytes_of("CHANGELOG.md", "v2.0.0").decode()
    assert [line for line in changelog.splitlines() if line.startswith("## ")] == ["## 2.0.0", "## 1.1.0", "## 1.0.0"]
    assert "Against 1.0.0: every old row is unchanged:" in changelog
    assert "Against 1.0.0" in found.git("log", "-1", "--format=%b", "v1.1.0")
    assert f'load_dataset("{REPO}", "response", revision="v1.1.0")' in found.bytes_of("README.md", "v1.1.0").decode()

    done = ipm_prefdial("build", "--out", first.root, "--limit", "2", "--force")
    assert done.code == 2
    assert f"published as v1.0.0 of {REPO}" in done.err
    assert "another --out" in done.err


@pytest.mark.slow
def test_a_gated_repo_is_read_back_with_the_token(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", publishable("1.0.0", 3))
    with hub_server(tmp_path / "hub") as hub:
        done = run(hub, release, "--gated")
        assert done.code == 0, done.err
        assert json.loads((hub.repo().folder / "localhub.json").read_bytes())["gated"] == "auto"
        assert hub.repo().holds(release, "v1.0.0")
        done = ipm_prefdial("validate", f"{REPO}@v1.0.0", environ=hub.environ(None))
        assert done.code == 2
        assert "is gated: ask for access" in done.err


def test_a_dry_run_tells_all_and_writes_nothing(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", publishable("1.0.0", 4))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with hub_server(tmp_path / "hub") as hub:
        done = run(hub, release, "--dry-run")
        assert done.code == 0, done.err
        assert "Nothing was sent" in done.out
        assert "README.md" in done.out
        assert "in a new repo" in done.out
        assert {entry["method"] for entry in hub.log()} == {"GET"}
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "hub" not in path.parts}
    assert after == before


@pytest.mark.parametrize(
    ("words", "token", "code", "told"),
    [
        (("--repo", "prefs"), TOKEN, 2, "give ORG/NAME"),
        (("--repo", "acme/prefs@v1.0.0"), TOKEN, 2, "give ORG/NAME"),
        (("--repo", REPO), None, 2, "set HF_TOKEN"),
        (("--repo", REPO, "--why", "because"), TOKEN, 2, "--accept"),
        (("--repo", REPO, "--accept", "faults", "--why", " "), TOKEN, 2, "--why"),
        (
            ("--repo", REPO, "--accept", "faults", "--why", "x"),
            TOKEN,
            2,
            "no such gate failed or cannot tell; those that do: none",
        ),
    ],
    ids=["no org", "a tag", "no token", "a reason for nothing", "an empty reason", "a gate that passed"],
)
def test_mistakes_are_told_in_a_line(
    tmp_path: Path, words: tuple[str, ...], token: str | None, code: int, told: str
) -> None:
    release = copy_release(tmp_path / "release", publishable("1.0.0", 3))
    environ = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    done = ipm_prefdial("publish", release.root, *words, environ=environ | ({"HF_TOKEN": token} if token else {}))
    assert done.code == code, done.err
    lines = [line for line in done.err.splitlines() if line.startswith("ipm-prefdial: ")]
    assert len(lines) == 1
    assert told in lines[0]


def test_no_release_is_no_publish(tmp_path: Path) -> None:
    done = ipm_prefdial("publish", tmp_path, "--repo", REPO, environ={"HF_TOKEN": TOKEN})
    assert done.code == 2
    assert "no release" in done.err


def test_the_token_is_nowhere(tmp_path: Path) -> None:
    """Not in what is printed, however much is logged; nor in a file, whatever fails."""
    release = copy_release(tmp_path / "release", publishable("1.0.0", 3))
    told = ""
    with hub_server(tmp_path / "hub") as hub:
        for rules in ([{"op": "commit", "nth": 1, "do": "403", "message": f"no {TOKEN}, go away"}], []):
            hub.fault(*rules)
            done = ipm_prefdial(
                "-vv", "publish", release.root, "--repo", REPO, "--private", environ=hub.environ() | {"HF_DEBUG": "1"}
            )
            assert done.code == (3 if rules else 0), done.err
            told += done.out + done.err
        assert hub.repo().holds(release, "v1.0.0")
    assert "DEBUG" in told
    assert TOKEN not in told
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "cmdline"]
    assert len(files) > 50
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


STEPS = ("info", "tree", "preupload", "commit", "tag", "resolve")
"""Requests that every publish makes, between its first and its last."""


@pytest.mark.slow
@pytest.mark.parametrize("version", ["first", "next"])
@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_a_kill_at_any_moment_costs_nothing_but_a_repetition(tmp_path: Path, xet: bool, version: str) -> None:
    moments = random.Random(f"{xet} {version}")
    earlier = [copy_release(tmp_path / "earlier", publishable("1.0.0", 4))] if version == "next" else []
    caught = 0
    with hub_server(tmp_path / "hub", xet=xet) as hub:
        for release in earlier:
            assert run(hub, release).code == 0
        hub.data.mkdir(exist_ok=True)
        shutil.copytree(hub.data, tmp_path / "before")
        for number, step in enumerate(moments.sample((*STEPS, "xet_token" if xet else "lfs_put"), 5)):
            shutil.rmtree(hub.data)  # so that nothing is stored there already
            shutil.copytree(tmp_path / "before", hub.data)
            new = copy_release(tmp_path / f"new-{number}", publishable(*(("1.1.0", 6) if earlier else ("1.0.0", 4))))
            caught += killed(hub, new, step, later_s=moments.random() / 10)
            mend_store(hub)
            done = run(hub, new)
            assert done.code == 0, done.err
            versions = [release.manifest.version for release in (*earlier, new)]
            assert hub.repo().titles() == ["initial commit", *(f"IPM-PrefDial {version}" for version in versions)]
            assert hub.repo().tags() == [f"v{version}" for version in versions]
            assert hub.repo().is_sound()
            assert all(hub.repo().holds(release, f"v{release.manifest.version}") for release in (*earlier, new))
    assert caught >= 4


def mend_store(hub: HubServer) -> None:
    """Removes an index of the Xet store of which not even the header was written.

    The small Hub has the client's own library write its store, so a kill may hit a file of the server, too.
    """
    for index in hub.data.rglob("*.redb"):
        if not index.read_bytes().startswith(b"redb"):
            index.unlink()


def killed(hub: HubServer, release: Release, step: str, *, later_s: float) -> bool:
    """Whether the command was caught before its end: it is killed some time after it has come to a step."""
    hub.fault()
    command = command_line("publish", release.root, "--repo", REPO)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environ(hub.environ())
    ) as running:
        while running.poll() is None and step not in {one["op"] for one in hub.log()}:
            time.sleep(0.002)
        time.sleep(later_s)
        running.send_signal(signal.SIGKILL)
        return running.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_two_at_once_make_one_release(tmp_path: Path) -> None:
    releases = [copy_release(tmp_path / str(number), publishable("1.0.0", 4)) for number in range(2)]
    with hub_server(tmp_path / "hub") as hub:
        for _ in range(3):
            running = [
                subprocess.Popen(
                    command_line("publish", release.root, "--repo", REPO),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=clean_environ(hub.environ()),
                )
                for release in releases
            ]
            told = [one.communicate()[1].decode() for one in running]
            assert all("Traceback" not in one for one in told)
        assert [one.returncode for one in running] == [0, 0], told
        assert hub.repo().titles() == ["initial commit", "IPM-PrefDial 1.0.0"]
        assert hub.repo().tags() == ["v1.0.0"]
        assert hub.repo().holds(releases[0], "v1.0.0")
