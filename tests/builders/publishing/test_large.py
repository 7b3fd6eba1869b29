"""A release of hundreds of files is published in one step: nobody ever sees a part of it, whenever it is stopped."""

import contextlib
import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi, RepoFile
from support.command import clean_environ, command_line, ipm_prefdial
from support.hub import TOKEN
from support.publishing import HubServer, hub_server, publishable
from support.releases import copy_release

from ipm_prefdial.builders.publishing._repo import _batches
from ipm_prefdial.builders.release.layout import MANIFEST
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError

from .conftest import Publish

MOMENTS = 10
"""At which each publish is killed."""


def fine(tmp_path: Path, rows_per_shard: int) -> Release:
    """Release 1.0.0 in many shards."""
    return copy_release(tmp_path / "fine", publishable("1.0.0", 4, rows_per_shard=rows_per_shard))


def coarse(tmp_path: Path) -> Release:
    """Release 1.0.1: the same rows, a shard a split."""
    return copy_release(tmp_path / "coarse", publishable("1.0.1", 4))


@contextlib.contextmanager
def polling(hub: HubServer, repo: str) -> Iterator[Counter[str]]:
    """A reader who looks at `main` again and again; counts what it finds, by version.

    What is not whole (a shard of another version, a file that the manifest does not list, or one that is missing) is
    counted as `mixture`.
    """
    seen: Counter[str] = Counter()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                seen[version_of_main(hub.api(), hub, repo)] += 1
            time.sleep(0.02)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        done.set()
        reader.join()


def version_of_main(api: HfApi, hub: HubServer, repo: str) -> str:
    """The version that `main` shows whole; `mixture` where it is none, `nothing` where there is no release yet."""
    try:
        listed = api.list_repo_tree(repo, repo_type="dataset", recursive=True, expand=False)
        tree = {one.path: one for one in listed if isinstance(one, RepoFile)}
    except Exception:  # noqa: BLE001  # no repo yet, or the server is gone: whatever the client makes of that
        return "nothing"
    if MANIFEST not in tree:
        return "nothing" if set(tree) == {".gitattributes"} else "mixture"
    # The blob is read by its own id, so that `main` may move on meanwhile.
    manifest = json.loads(hub.repo(repo).git("cat-file", "-p", tree[MANIFEST].blob_id))
    ours = {name: one for name, one in tree.items() if name not in (".gitattributes", MANIFEST)}
    whole = set(ours) == set(manifest["files"]) and all(
        one.lfs is None or one.lfs.sha256 == manifest["files"][name]["sha256"] for name, one in ours.items()
    )
    return str(manifest["version"]) if whole else "mixture"


def stored_twice(hub: HubServer) -> list[str]:
    """The large files that were sent whole more than once."""
    sent = Counter(one["path"] for one in hub.log() if one["op"] == "lfs_put" and one["status"] == 200)
    return [path for path, times in sent.items() if times > 1]


def test_more_than_a_hundred_files_are_one_step(hub: HubServer, repo: str, send: Publish, tmp_path: Path) -> None:
    many, few = fine(tmp_path, 3), coarse(tmp_path)
    assert len(many.manifest.files) > 120
    with polling(hub, repo) as seen:
        assert send(many).state == "published"
        assert send(few).state == "published"
    assert set(seen) <= {"nothing", "1.0.0", "1.0.1"}
    assert {"1.0.0", "1.0.1"} & set(seen)
    found = hub.repo(repo)
    assert found.titles() == ["initial commit", "IPM-PrefDial 1.0.0", "IPM-PrefDial 1.0.1"]
    assert found.holds(many, "v1.0.0")
    assert found.holds(few, "v1.0.1")
    assert stored_twice(hub) == []
    assert found.git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        "refs/tags/v1.0.0",
        "refs/tags/v1.0.1",
    ]


def test_what_a_gitignore_would_leave_out_is_not_left_out_in_silence(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    class Ignoring(HfApi):
        """The client after the Hub said that a `.gitignore` of the repo names a file."""

        def preupload_lfs_files(self, repo_id: str, additions: Any, **options: Any) -> None:
            super().preupload_lfs_files(repo_id, additions, **options)
            for one in additions:
                one._should_ignore = one.path_in_repo == MANIFEST

    with pytest.raises(DataError, match=r"a \.gitignore there would leave out 1 files .*manifest\.json"):
        send(first, api=Ignoring(endpoint=hub.url, token=TOKEN))
    assert hub.repo(repo).titles() == ["initial commit"]


def test_an_upload_is_cut_into_batches_of_files_and_of_bytes() -> None:
    sizes = [1 << 29, 1 << 29, 1, 1 << 31, 5, *[0] * 70]
    files: Any = [SimpleNamespace(upload_info=SimpleNamespace(size=size)) for size in sizes]
    found = [[one.upload_info.size for one in batch] for batch in _batches(files)]
    assert found == [[1 << 29, 1 << 29], [1], [1 << 31], [5, *[0] * 63], [0] * 7]


@pytest.mark.slow
@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_three_hundred_files_and_a_kill_at_any_moment(tmp_path: Path, xet: bool) -> None:
    """The same command goes on; a reader of `main` meets whole releases alone; LFS takes no file twice."""
    many, few = fine(tmp_path, 1), coarse(tmp_path)
    assert len(many.manifest.files) > 300
    moments = random.Random(f"large {xet}")
    with hub_server(tmp_path / "hub", xet=xet) as hub:
        whole_s = published(hub, copy_release(tmp_path / "timed", many), "acme/timed")
        caught = 0
        for number in range(MOMENTS):
            repo, release = f"acme/prefs-{number}", copy_release(tmp_path / f"many-{number}", many)
            with polling(hub, repo) as seen:
                caught += killed(hub, release, repo, after_s=moments.uniform(0.1, 0.95) * whole_s)
                mend_store(hub)
                published(hub, release, repo)
            found = hub.repo(repo)
            assert set(seen) <= {"nothing", "1.0.0"}, number
            assert found.titles() == ["initial commit", "IPM-PrefDial 1.0.0"], number
            assert found.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main", "refs/tags/v1.0.0"]
            assert found.holds(release, "v1.0.0")
        assert caught >= MOMENTS // 2
        assert stored_twice(hub) == []

        with polling(hub, "acme/timed") as seen:
            killed(hub, few, "acme/timed", after_s=whole_s / 3)
            mend_store(hub)
            published(hub, few, "acme/timed")
        assert set(seen) <= {"1.0.0", "1.0.1"}
        assert hub.repo("acme/timed").holds(few, "main")
        assert hub.repo("acme/timed").is_sound()


def published(hub: HubServer, release: Release, repo: str) -> float:
    """Publishes with the command; how many seconds that takes."""
    begun = time.monotonic()
    done = ipm_prefdial("publish", release.root, "--repo", repo, environ=hub.environ())
    assert done.code == 0, done.err
    return time.monotonic() - begun


def killed(hub: HubServer, release: Release, repo: str, *, after_s: float) -> bool:
    """Whether the command was caught before its end."""
    with subprocess.Popen(
        command_line("publish", release.root, "--repo", repo),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environ(hub.environ()),
    ) as running:
        time.sleep(after_s)
        running.send_signal(signal.SIGKILL)
        return running.wait() == -signal.SIGKILL


def mend_store(hub: HubServer) -> None:
    """Removes an index of the Xet store that was begun and not written: the client itself writes it, and was killed."""
    for index in hub.data.rglob("*.redb"):
        if not index.read_bytes().startswith(b"redb"):
            index.unlink()
