"""Whatever fails in the middle of a publish, repeating it ends with one commit, one tag and the right tree."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from support.hub import TOKEN
from support.publishing import MALLORY, GitRepo, HubServer

from ipm_prefdial.builders.publishing._commit import MovedError
from ipm_prefdial.builders.publishing.run import PublishResult
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError, EndpointError, PrefDialError

from .conftest import Publish

ACTIONS = ("500", "apply:500", "apply:cut", "cut", "429", "403", "409", "401")
"""401 is what an expired token gets."""
OPERATIONS = ("commit", "tag", "lfs_put")
VERSIONS = ("first", "next")
OURS = "IPM-PrefDial"
TOLD = {"403": "does not let you", "401": "does not accept the token"}
"""What a refusal names, where trying again by itself would be not use."""
USUAL = {
    ("commit", "apply:cut", "next"),
    ("commit", "500", "first"),
    ("commit", "401", "first"),
    ("tag", "apply:500", "next"),
    ("tag", "403", "first"),
    ("lfs_put", "cut", "first"),
    ("upload", "next"),
    ("commit", "first"),
    ("tag", "first"),
    ("info",),
    ("create_repo",),
}
"""The cells that are looked at in every run; `make test-slow` looks at all."""


def cells(*choices: Sequence[str]) -> list[Any]:
    """Every combination, the unusual ones marked as slow."""
    return [pytest.param(*cell, marks=[] if cell in USUAL else pytest.mark.slow) for cell in product(*choices)]


def attempt(send: Publish, release: Release, **options: Any) -> PublishResult | PrefDialError:
    """What one run of the command comes to."""
    try:
        return send(release, **options)
    except PrefDialError as error:
        return error


def assert_published(found: GitRepo, *releases: Release, others: int = 0) -> None:
    """Each release has one commit and one tag, that hold it and the Hub's own file and nothing else."""
    titles = [title for title in found.titles() if title.startswith(OURS)]
    assert titles == [f"{OURS} {release.manifest.version}" for release in releases]
    assert len(found.titles()) == 1 + len(releases) + others
    assert found.tags() == [f"v{release.manifest.version}" for release in releases]
    assert found.is_sound()
    if not others:
        assert all(found.holds(release, f"v{release.manifest.version}") for release in releases)


@pytest.mark.parametrize(("operation", "action", "version"), cells(OPERATIONS, ACTIONS, VERSIONS))
def test_fault_and_repeated_command(
    hub: HubServer,
    repo: str,
    send: Publish,
    first: Release,
    second: Release,
    operation: str,
    action: str,
    version: str,
) -> None:
    earlier = [first] if version == "next" else []
    for release in earlier:
        send(release)
    new = second if earlier else first
    # The client itself waits 23 s before it gives up on an upload: one failure is enough there.
    lasting = operation != "lfs_put" or action in ("401", "403", "409")
    hub.fault({"op": operation, "nth": 1, "times": 99 if lasting else 1, "do": action, "bytes": 1000})
    outcome = attempt(send, new)
    assert hub.faults() == {action}
    if isinstance(outcome, PrefDialError):
        assert isinstance(outcome, EndpointError)
        assert TOLD.get(action if operation != "lfs_put" else "", "repeat the command") in str(outcome)
        assert TOKEN not in str(outcome)
    else:
        assert_published(hub.repo(repo), *earlier, new)
    hub.fault()
    assert send(new).state in ("published", "already published")
    assert_published(hub.repo(repo), *earlier, new)
    assert send(new).state == "already published"
    assert_published(hub.repo(repo), *earlier, new)


class Overtaken(HfApi):
    """The client of somebody who is overtaken: another commit lands just before a step."""

    def __init__(self, hub: HubServer, step: str, path: str = "RACE.md") -> None:
        super().__init__(endpoint=hub.url, token=TOKEN)
        self.step, self.path, self.other, self.raced = step, path, hub.api(MALLORY), False

    def _race(self, step: str, repo_id: str) -> None:
        if step == self.step and not self.raced:
            self.raced = True
            added = CommitOperationAdd(self.path, b"somebody else's")
            self.other.create_commit(repo_id, [added], commit_message="a racing commit", repo_type="dataset")

    def preupload_lfs_files(self, repo_id: str, *words: Any, **options: Any) -> None:
        self._race("upload", repo_id)
        super().preupload_lfs_files(repo_id, *words, **options)

    def create_commit(self, repo_id: str, *words: Any, **options: Any) -> Any:
        self._race("commit", repo_id)
        return super().create_commit(repo_id, *words, **options)

    def create_tag(self, repo_id: str, **options: Any) -> None:
        self._race("tag", repo_id)
        super().create_tag(repo_id, **options)


@pytest.mark.parametrize(("step", "version"), cells(("upload", "commit", "tag"), VERSIONS))
def test_a_racing_commit_is_named_or_left_behind(
    hub: HubServer, repo: str, send: Publish, first: Release, second: Release, step: str, version: str
) -> None:
    earlier = [first] if version == "next" else []
    for release in earlier:
        send(release)
    new = second if earlier else first
    outcome = attempt(send, new, api=Overtaken(hub, step))
    found = hub.repo(repo)
    if step == "tag":  # ours was there first, and the tag names it
        assert isinstance(outcome, PublishResult)
        assert found.holds(new, f"v{new.manifest.version}")
    else:
        assert isinstance(outcome, MovedError)
        assert "moved" in str(outcome)
        assert "mallory ('a racing commit')" in str(outcome)
        assert found.tags() == [f"v{release.manifest.version}" for release in earlier]
    send(new)
    assert_published(found, *earlier, new, others=1)
    theirs = {"RACE.md": b"somebody else's"}
    assert found.holds(new, "main", besides=theirs)
    assert found.holds(new, f"v{new.manifest.version}", besides=None if step == "tag" else theirs)


@pytest.mark.slow
def test_a_racing_change_of_a_file_of_ours_is_not_undone(
    hub: HubServer, repo: str, send: Publish, first: Release, second: Release
) -> None:
    send(first)
    with pytest.raises(MovedError, match="mallory"):
        send(second, api=Overtaken(hub, "commit", path="CHANGELOG.md"))
    with pytest.raises(DataError, match=r"CHANGELOG\.md is not as a release of ours left it"):
        send(second)
    assert hub.repo(repo).bytes_of("CHANGELOG.md", "main") == b"somebody else's"
    assert hub.repo(repo).tags() == ["v1.0.0"]


def test_our_commit_is_found_under_somebody_elses(hub: HubServer, repo: str, send: Publish, first: Release) -> None:
    """The commit landed, its answer was lost, and before anybody looked main had moved on."""

    class Unlucky(HfApi):
        def create_commit(self, repo_id: str, *words: Any, **options: Any) -> Any:
            super().create_commit(repo_id, *words, **options)
            added = CommitOperationAdd("RACE.md", b"somebody else's")
            other.create_commit(repo_id, [added], commit_message="a racing commit", repo_type="dataset")
            raise RuntimeError("the answer was lost")

    other = hub.api(MALLORY)
    assert send(first, api=Unlucky(endpoint=hub.url, token=TOKEN)).state == "published"
    assert hub.repo(repo).titles()[1:] == [f"{OURS} 1.0.0", "a racing commit"]
    assert hub.repo(repo).holds(first, "v1.0.0")


@pytest.mark.parametrize("operation", cells(("whoami", "info", "refs", "tree", "commits", "create_repo")))
def test_a_failure_while_looking_is_got_over(
    hub: HubServer, repo: str, send: Publish, first: Release, operation: str
) -> None:
    hub.fault({"op": operation, "nth": 1, "do": "apply:500"})
    assert send(first).state == "published"
    assert_published(hub.repo(repo), first)


def test_the_hub_is_waited_for_as_long_as_it_asks(
    hub: HubServer, send: Publish, first: Release, sleeps: list[float]
) -> None:
    hub.fault({"op": "commit", "nth": 1, "do": "429", "headers": {"Retry-After": "7"}})
    assert send(first).state == "published"
    assert sleeps == [7]


def test_a_long_wait_is_left_to_the_user(hub: HubServer, send: Publish, first: Release, sleeps: list[float]) -> None:
    hub.fault({"op": "commit", "nth": 1, "do": "429", "headers": {"Retry-After": "3600"}})
    outcome = attempt(send, first)
    assert isinstance(outcome, EndpointError)
    assert "repeat the command in 3600 s" in str(outcome)
    assert sleeps == []
