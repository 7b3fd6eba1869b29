"""What may not be published is not, and one line says why and what to do; nothing is sent before that."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from support.hub import TOKEN
from support.publishing import BOB, MALLORY, PROPOSER, READ_ONLY, STALE, HubServer, publishable
from support.releases import change_cell, change_manifest, copy_release, refresh_hashes

from ipm_prefdial.builders.auditing.run import write_audit
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.write import write_into
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.errors import DataError, EndpointError, UsageError

from .conftest import Publish

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")

ROWS = "data/response/train-00000-of-00001.parquet"


def change_audit(release: Release, change: Callable[[dict[str, Any]], Any]) -> None:
    """Lets `change` alter the audit's JSON in place, manifest and all."""
    audit = json.loads((release.root / "audit.json").read_bytes())
    change(audit)
    write_audit(release, Audit.model_validate(audit))


def set_licence(release: Release, licence: str) -> Release:
    """The release with another licence in its manifest."""
    return change_manifest(release.root, lambda manifest: manifest.update(license=licence))


@dataclass(frozen=True)
class Fault:
    """Something that makes a release unfit."""

    plant: Callable[[Release], Any]
    told: str


def _other_rows(release: Release) -> None:
    change_cell(release, ROWS, 0, "rejected.0.content", lambda text: f"{text} Indeed.")
    refresh_hashes(release.root)


def _broken_row(release: Release) -> None:
    _other_rows(release)
    change_cell(release, ROWS, 0, "rejected_error", "no_such_error")
    refreshed = refresh_hashes(release.root)
    from ipm_prefdial.builders.auditing.subjects import ReleaseSource

    change_audit(
        refreshed, lambda audit: audit["subject"].update(sha256=ReleaseSource(refreshed, "x").subject().sha256)
    )


def _no_audit(release: Release) -> None:
    (release.root / "audit.json").unlink()
    change_manifest(release.root, lambda manifest: manifest["files"].pop("audit.json"))


def _bad_fault_count(release: Release) -> None:
    """An audit that says that its gates are open although what it measured closes one."""
    change_audit(release, lambda audit: audit["faults"][0].update(count=3))


UNFIT = {
    "unknown licence": Fault(lambda release: set_licence(release, "unknown"), "the licence is unknown"),
    "academic licence": Fault(
        lambda release: set_licence(release, "academic-only"), "does not let the data be passed on"
    ),
    "a licence of nobody's": Fault(lambda release: set_licence(release, "wtf-2"), "the licence is unknown"),
    "other licence": Fault(lambda release: set_licence(release, "mit"), "license"),
    "no audit": Fault(_no_audit, "it was not audited: run `ipm-prefdial audit"),
    "another audit": Fault(_other_rows, "the audit of other tables"),
    "a broken audit": Fault(lambda release: write_into(release.root, "audit.json", "{"), "audit.json: cannot be read"),
    "a closed gate": Fault(_bad_fault_count, "--accept faults --why"),
    "a broken row": Fault(_broken_row, "does not validate"),
    "a file too many": Fault(lambda release: (release.root / ".DS_Store").write_bytes(b"\0"), ".DS_Store"),
    "a file too few": Fault(lambda release: (release.root / "LICENSE").unlink(), "LICENSE"),
}


@pytest.mark.parametrize("fault", UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_release_is_refused_before_anything_is_asked(
    hub: HubServer, send: Publish, first: Release, fault: Fault
) -> None:
    fault.plant(first)
    with pytest.raises(DataError) as refused:
        send(first)
    assert fault.told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert hub.log() == []


@pytest.mark.parametrize(
    ("token", "told"),
    [(BOB, "--pr"), (READ_ONLY, "may only read"), (STALE, "does not accept the token")],
    ids=["stranger", "reader", "expired"],
)
def test_a_token_without_the_right_sends_nothing(
    hub: HubServer, send: Publish, first: Release, token: str, told: str
) -> None:
    with pytest.raises((UsageError, EndpointError), match=told) as refused:
        send(first, api=hub.api(token))
    assert token not in str(refused.value)
    assert {entry["method"] for entry in hub.log()} == {"GET"}


@pytest.mark.parametrize("there", [True, False])
def test_what_a_token_may_not_do_is_said_by_the_hub_and_the_way_out_by_us(
    hub: HubServer, repo: str, send: Publish, first: Release, there: bool
) -> None:
    if there:
        hub.api().create_repo(repo, repo_type="dataset")
    with pytest.raises(EndpointError, match=r"does not let you .* propose the release with --pr"):
        send(first, api=hub.api(PROPOSER))
    assert hub.repo(repo).folder.exists() is there
    assert not there or hub.repo(repo).titles() == ["initial commit"]


def test_another_release_under_the_tag_is_refused(
    hub: HubServer, repo: str, send: Publish, first: Release, tmp_path: Path
) -> None:
    send(first)
    other = copy_release(tmp_path / "other", publishable("1.0.0", 3))
    with pytest.raises(DataError, match=r"v1\.0\.0 is there and is another release .*a tag never moves"):
        send(other)
    assert hub.repo(repo).holds(first, "v1.0.0")
    assert hub.repo(repo).holds(first, "main")


@pytest.mark.parametrize(
    ("version", "dialogues", "told"),
    [
        pytest.param("1.0.1", 6, "1.1.0 or larger", marks=pytest.mark.slow),
        ("1.1.0", 3, "2.0.0 or larger"),
        ("0.9.0", 6, "too late"),
    ],
    ids=["rows added in a patch", "rows gone in a minor", "below the newest"],
)
def test_a_number_that_promises_too_much_is_refused(
    hub: HubServer, repo: str, send: Publish, first: Release, tmp_path: Path, version: str, dialogues: int, told: str
) -> None:
    send(first)
    release = copy_release(tmp_path / "release", publishable(version, dialogues))
    for dry_run in (True, False):
        with pytest.raises(DataError, match=told):
            send(release, dry_run=dry_run)
    assert hub.repo(repo).tags() == ["v1.0.0"]
    assert hub.repo(repo).holds(first, "main")


def test_the_first_number_may_be_any_and_other_tags_are_not_asked(
    hub: HubServer, repo: str, send: Publish, first: Release, second: Release
) -> None:
    api = hub.api()
    api.create_repo(repo, repo_type="dataset")
    for tag in ("v9.9.9", "v1.0", "final"):
        api.create_tag(repo, repo_type="dataset", tag=tag)
    assert send(second).state == "published"
    assert hub.repo(repo).holds(second, "v1.1.0")


def commit(hub: HubServer, repo: str, path: str, data: bytes | None) -> None:
    """Somebody else adds, changes or removes a file."""
    operation = CommitOperationDelete(path) if data is None else CommitOperationAdd(path, data)
    hub.api(MALLORY).create_commit(repo, [operation], commit_message="mine", repo_type="dataset")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("README.md", "README.md is not as a release of ours left it"),
        pytest.param("manifest.json", "manifest.json is not as a release of ours left it", marks=pytest.mark.slow),
        ("data/response/train-more.parquet", "would be read as rows"),
    ],
)
def test_somebody_elses_file_in_the_way_is_left_alone(
    hub: HubServer, repo: str, send: Publish, first: Release, path: str, told: str
) -> None:
    hub.api().create_repo(repo, repo_type="dataset")
    data = b"---\nlicense: mit\n---\nmine" if path == "README.md" else b"mine"
    commit(hub, repo, path, data)
    for dry_run in (True, False):
        with pytest.raises(DataError, match=told):
            send(first, dry_run=dry_run)
    assert hub.repo(repo).bytes_of(path, "main") == data
    assert hub.repo(repo).tags() == []
    commit(hub, repo, path, None)
    assert send(first).state == "published"
    assert hub.repo(repo).holds(first, "v1.0.0")


def test_a_change_made_on_the_hub_is_not_undone(
    hub: HubServer, repo: str, send: Publish, first: Release, second: Release
) -> None:
    send(first)
    mended = (first.root / "README.md").read_bytes() + b"A sentence more.\n"
    commit(hub, repo, "README.md", mended)
    commit(hub, repo, "NOTES.md", b"mine")
    with pytest.raises(DataError, match=r"README\.md was edited on the Hub"):
        send(second)
    commit(hub, repo, "README.md", (first.root / "README.md").read_bytes())
    send(second)
    assert hub.repo(repo).holds(second, "v1.1.0", besides={"NOTES.md": b"mine"})


@pytest.mark.slow
def test_files_of_an_earlier_release_go_where_they_are_as_it_left_them(
    hub: HubServer, repo: str, send: Publish, first: Release, second: Release
) -> None:
    write_into(first.root, "notes.json", "{}\n")
    first = Release(first.root)
    send(first)
    commit(hub, repo, "notes.json", b"better\n")
    with pytest.raises(DataError, match=r"notes\.json is not as a release of ours left it"):
        send(second)
    commit(hub, repo, "notes.json", b"{}\n")
    send(second)
    assert hub.repo(repo).holds(second, "v1.1.0")
    assert hub.repo(repo).holds(first, "v1.0.0")


def test_a_public_repo_is_not_taken_for_a_private_one(hub: HubServer, repo: str, send: Publish, first: Release) -> None:
    hub.api().create_repo(repo, repo_type="dataset")
    with pytest.raises(UsageError, match="is public"):
        send(first, private=True)
    assert hub.repo(repo).titles() == ["initial commit"]


def test_a_tag_that_somebody_made_meanwhile_is_not_moved(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    class Overtaken(HfApi):
        def create_tag(self, repo_id: str, **options: Any) -> None:
            root = hub.repo(repo).git("rev-list", "--max-parents=0", "main").strip()
            hub.api(MALLORY).create_tag(repo_id, tag="v1.0.0", revision=root, repo_type="dataset")
            super().create_tag(repo_id, **options)

    with pytest.raises(DataError, match="made meanwhile"):
        send(first, api=Overtaken(endpoint=hub.url, token=TOKEN))
    with pytest.raises(DataError, match="a tag never moves"):
        send(first)


def test_a_repo_that_was_not_gated_after_all_gets_no_row(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    class Ungated(HfApi):
        def update_repo_settings(self, repo_id: str, **options: Any) -> None:
            """Answers as if it was done."""

    with pytest.raises(EndpointError, match="was to be gated, and is not"):
        send(first, gated="auto", api=Ungated(endpoint=hub.url, token=TOKEN))
    assert hub.repo(repo).titles() == ["initial commit"]


@pytest.mark.parametrize("what", ["pull requests", "commits"])
def test_a_list_that_did_not_come_is_no_empty_list(
    hub: HubServer, repo: str, send: Publish, first: Release, what: str
) -> None:
    class Silent(HfApi):
        def list_repo_refs(self, *words: Any, **options: Any) -> Any:
            refs = super().list_repo_refs(*words, **options)
            refs.pull_requests = None
            return refs

        def list_repo_commits(self, *words: Any, **options: Any) -> Any:
            return [] if what == "commits" else super().list_repo_commits(*words, **options)

    hub.api().create_repo(repo, repo_type="dataset")
    with pytest.raises(EndpointError, match=r"does not say which pull requests|lists no commits"):
        send(first, api=Silent(endpoint=hub.url, token=TOKEN), pull_request=True)
    assert hub.repo(repo).git("for-each-ref", "refs/pr") == ""
