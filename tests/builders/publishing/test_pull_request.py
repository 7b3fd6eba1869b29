"""Whoever may not write proposes: once, whatever fails; and after the merge the tag is all that is left to do."""

from typing import Any

import pytest
from support.publishing import BOB, PROPOSER, HubServer
from support.releases import refresh_hashes

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError, UsageError

from .conftest import Publish

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")


def numbers(hub: HubServer, repo: str) -> list[str]:
    """The pull requests of a repo."""
    return hub.repo(repo).git("for-each-ref", "--format=%(refname)", "refs/pr").split()


def test_a_proposal_is_merged_and_then_tagged(
    hub: HubServer, repo: str, send: Publish, first: Release, second: Release
) -> None:
    send(first)
    done = send(second, api=hub.api(PROPOSER), pull_request=True)
    assert (done.state, done.pull_request) == ("proposed", 1)
    assert hub.repo(repo).holds(second, "refs/pr/1")
    assert hub.repo(repo).holds(first, "main")
    assert hub.repo(repo).tags() == ["v1.0.0"]

    again = send(second, api=hub.api(PROPOSER), pull_request=True)
    assert (again.state, again.pull_request) == ("proposed", 1)
    assert numbers(hub, repo) == ["refs/pr/1"]

    hub.api().merge_pull_request(repo, 1, repo_type="dataset")
    assert send(second, api=hub.api(PROPOSER), pull_request=True).state == "on main"
    assert send(second).state == "published"
    assert hub.repo(repo).holds(second, "v1.1.0")
    assert hub.repo(repo).titles() == ["initial commit", "IPM-PrefDial 1.0.0", "IPM-PrefDial 1.1.0 (#1)"]


@pytest.mark.parametrize("action", ["500", "apply:500", "apply:cut", pytest.param("cut", marks=pytest.mark.slow)])
def test_a_fault_makes_no_second_proposal(
    hub: HubServer, repo: str, send: Publish, first: Release, action: str
) -> None:
    hub.api().create_repo(repo, repo_type="dataset")
    hub.fault({"op": "commit", "nth": 1, "do": action})
    done = send(first, api=hub.api(PROPOSER), pull_request=True)
    assert hub.faults() == {action}
    assert (done.state, done.pull_request) == ("proposed", 1)
    assert numbers(hub, repo) == ["refs/pr/1"]
    assert hub.repo(repo).holds(first, "refs/pr/1")
    assert hub.repo(repo).is_sound()


def test_nothing_is_proposed_twice_where_the_hub_does_not_say_what_there_is(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    hub.api().create_repo(repo, repo_type="dataset")
    refs = {"op": "refs", "nth": 4, "times": 9, "do": "500"}
    hub.fault({"op": "commit", "nth": 1, "do": "apply:500"}, refs)
    with pytest.raises(Exception, match="list the pull requests"):
        send(first, api=hub.api(PROPOSER), pull_request=True)
    assert numbers(hub, repo) == ["refs/pr/1"]
    hub.fault()
    assert send(first, api=hub.api(PROPOSER), pull_request=True).pull_request == 1
    assert numbers(hub, repo) == ["refs/pr/1"]


def test_a_closed_proposal_is_made_again(hub: HubServer, repo: str, send: Publish, first: Release) -> None:
    hub.api().create_repo(repo, repo_type="dataset")
    propose: dict[str, Any] = {"api": hub.api(PROPOSER), "pull_request": True}
    assert send(first, **propose).pull_request == 1
    hub.api().change_discussion_status(repo, 1, "closed", repo_type="dataset")
    assert send(first, **propose).pull_request == 2
    assert hub.repo(repo).holds(first, "refs/pr/2")


def test_a_stranger_may_propose_to_an_open_repo_only(hub: HubServer, repo: str, send: Publish, first: Release) -> None:
    with pytest.raises(UsageError, match="nothing to propose a release to"):
        send(first, api=hub.api(BOB), pull_request=True)
    hub.api().create_repo(repo, repo_type="dataset", private=True)
    with pytest.raises(UsageError, match="nothing to propose a release to"):
        send(first, api=hub.api(BOB), pull_request=True)


def test_what_may_not_be_published_may_not_be_proposed(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    hub.api().create_repo(repo, repo_type="dataset")
    (first.root / "CHANGELOG.md").write_text("# Nothing changed\n")
    with pytest.raises(DataError, match=r"CHANGELOG\.md"):
        send(first, api=hub.api(PROPOSER), pull_request=True)
    refresh_hashes(first.root)
    assert send(first, api=hub.api(PROPOSER), pull_request=True, dry_run=True).state == "not sent"
    assert numbers(hub, repo) == []
