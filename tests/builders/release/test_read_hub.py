"""A release by its name on the Hub: the files that it has, once, and one line where it cannot be had."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.hub import TOKEN, as_client, free_port
from support.publishing import REPO, STALE, HubServer, hub_server, publishable

from ipm_prefdial.builders.release.layout import MANIFEST
from ipm_prefdial.builders.release.read import local_release

_FETCH = """
import json, sys
from pathlib import Path
from ipm_prefdial.builders.release.read import local_release
from ipm_prefdial.schemas.errors import PrefDialError
cache, *places = sys.argv[1:]
found = {}
for place in places:
    try:
        root = local_release(place, cache=Path(cache) if cache else None)
        found[place] = {"root": str(root), "files": sorted(
            path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
        )}
    except PrefDialError as error:
        found[place] = {"code": error.exit_code, "told": str(error)}
print(json.dumps(found))
"""

_FILL = """
import json, sys
from huggingface_hub import CommitOperationAdd, HfApi
api = HfApi()
for name, settings in json.loads(sys.argv[2]).items():
    api.create_repo(name, repo_type="dataset", private=settings == "private")
    if settings != "empty":
        oid = api.upload_folder(repo_id=name, repo_type="dataset", folder_path=sys.argv[1]).oid
        api.create_tag(name, repo_type="dataset", tag="v1.0.0", revision=oid)
    if settings == "gated":
        api.update_repo_settings(name, repo_type="dataset", gated="auto")
    notes = [CommitOperationAdd("NOTES.md", b"mine"), CommitOperationAdd("README.md", b"---\\nlicense: mit\\n---\\n")]
    api.create_commit(name, notes, commit_message="notes", repo_type="dataset")
print(json.dumps(oid))
"""
_REPOS = {REPO: "public", "acme/closed": "private", "acme/asked": "gated", "acme/other": "empty"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A Hub with a release in an open, a private and a gated repo, tagged v1.0.0, and notes in each since."""
    folder = tmp_path_factory.mktemp("hub")
    with hub_server(folder) as server:
        release = publishable("1.0.0", 3)
        as_client(server.url, folder / "home", _FILL, str(release.root), json.dumps(_REPOS), token=TOKEN)
        yield server


def fetch(url: str, home: Path, *places: str, token: str | None = None, cache: str = "") -> dict[str, dict[str, Any]]:
    """What a client finds under each of the names."""
    found = as_client(url, home, _FETCH, cache, *places, token=token)
    assert isinstance(found, dict)
    return found


def test_a_path_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme" / "prefs").mkdir(parents=True)
    for place in (str(tmp_path), "acme/prefs", "no/such/folder"):
        assert local_release(place) == Path(place)


def test_a_tag_gives_the_files_of_the_release_and_no_others(hub: HubServer, tmp_path: Path) -> None:
    release = publishable("1.0.0", 3)
    commit = hub.repo().git("rev-parse", "v1.0.0").strip()
    places = (f"{REPO}@v1.0.0", f"{REPO}@{commit}")
    found = fetch(hub.url, tmp_path / "home", *places, cache=str(tmp_path / "cache"))
    for place in places:
        root = Path(found[place]["root"])
        assert tmp_path / "cache" in root.parents
        assert found[place]["files"] == sorted([*release.manifest.files, MANIFEST])
        assert (root / "README.md").read_bytes() == (release.root / "README.md").read_bytes()
    assert "NOTES.md" in hub.repo().git("ls-tree", "--name-only", "main")


@pytest.mark.slow
def test_what_was_fetched_is_there_without_a_hub(hub: HubServer, tmp_path: Path) -> None:
    place = f"{REPO}@v1.0.0"
    there = fetch(hub.url, tmp_path / "home", place)[place]
    gone = fetch(f"http://127.0.0.1:{free_port()}", tmp_path / "home", place, f"{REPO}@v2.0.0")
    assert gone[place] == there
    assert gone[f"{REPO}@v2.0.0"]["code"] == 3


def test_each_reason_is_told_in_a_line(hub: HubServer, tmp_path: Path) -> None:
    told = {
        "acme/nothing@v1.0.0": "acme/nothing: no such file, and no such dataset on the Hub (or it is private: set",
        "acme/closed@v1.0.0": "acme/closed: no such file, and no such dataset on the Hub (or it is private: set",
        "acme/asked@v1.0.0": "acme/asked is gated: ask for access on its page, then set HF_TOKEN",
        f"{REPO}@v9.9.9": f"{REPO} has no revision 'v9.9.9'",
        "acme/other": "acme/other: no release: there is no manifest.json in it",
    }
    found = fetch(hub.url, tmp_path / "home", *told)
    for place, words in told.items():
        assert found[place]["code"] == 2
        assert found[place]["told"].startswith(words)
    opened = fetch(hub.url, tmp_path / "opened", "acme/closed@v1.0.0", "acme/asked@v1.0.0", token=TOKEN)
    assert all("root" in one for one in opened.values())


def test_a_token_that_the_hub_does_not_know_is_told(hub: HubServer, tmp_path: Path) -> None:
    stale = fetch(hub.url, tmp_path / "stale", f"{REPO}@v1.0.0", token=STALE)[f"{REPO}@v1.0.0"]
    assert stale["code"] == 3
    assert "does not accept the token" in stale["told"]
    assert STALE not in stale["told"]


@pytest.mark.slow
def test_a_hub_that_fails_can_be_asked_again(hub: HubServer, tmp_path: Path) -> None:
    hub.fault({"op": "resolve", "nth": 1, "times": 99, "do": "503"})
    failed = fetch(hub.url, tmp_path / "failed", f"{REPO}@v1.0.0")[f"{REPO}@v1.0.0"]
    assert failed["code"] == 3
    assert "\n" not in failed["told"]
    hub.fault()
