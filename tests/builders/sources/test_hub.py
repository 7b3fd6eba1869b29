"""Datasets of the Hub are read at one commit; what the Hub refuses is told apart from what it fails at."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.hub import TOKEN, as_client, free_port, running_hub, upload

from ipm_prefdial.builders.sources.hub import HUB_ID

_READ = """
import json, sys
from ipm_prefdial.builders.sources.source import open_source
from ipm_prefdial.schemas.errors import PrefDialError
from ipm_prefdial.schemas.spec import SourceRef

def read(uri):
    try:
        source = open_source(SourceRef(uri=uri))
        dialogues = [[one.situation, one.split, one.source] for one in source]
    except PrefDialError as error:
        return {"error": type(error).__name__, "code": error.exit_code, "message": str(error)}
    facts = ("name", "kind", "license", "revision", "sha256")
    return {"dialogues": dialogues, **{name: getattr(source, name) for name in facts}}

print(json.dumps({uri: read(uri) for uri in sys.argv[1:]}))
"""


def _row(situation: str) -> str:
    dialog = [
        {"text": situation, "speaker": "usr"},
        {"text": "When was that?", "speaker": "sys", "strategy": "Question"},
    ]
    return json.dumps({"text": json.dumps({"situation": situation, "dialog": dialog})}) + "\n"


def _fill(folder: Path, oven: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "train.json").write_text(_row("The kiln broke.") + _row("The tram left."))
    (folder / "valid.json").write_text(_row("The garden froze."))
    (folder / "test.json").write_text(_row(oven))
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# Talks\n")
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Hub with `acme/talks`, tagged v1 and changed since, and a private `acme/secret`."""
    folder = tmp_path_factory.mktemp("hub")
    with running_hub(folder / "server") as url:
        first = upload(url, folder / "home", "acme/talks", _fill(folder / "first", "The oven is cold."), tag="v1")
        upload(url, folder / "home", "acme/secret", folder / "first", private=True)
        push = (
            "import json, sys; from huggingface_hub import HfApi; "
            "done = HfApi().upload_folder(repo_id='acme/talks', repo_type='dataset', folder_path=sys.argv[1]); "
            "print(json.dumps(done.oid))"
        )
        second = as_client(url, folder / "home", push, str(_fill(folder / "second", "The oven is warm.")), token=TOKEN)
        yield {"url": url, "first": first, "second": second}


def _read(url: str, home: Path, *uris: str, token: str | None = None) -> dict[str, dict[str, Any]]:
    """What a client finds under each of the uris."""
    found = as_client(url, home, _READ, *uris, token=token)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def found(hub: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What somebody without a token finds."""
    talks = ("acme/talks", "acme/talks@v1", f"acme/talks@{hub['first']}", "esconv:acme/talks@v1", "hub:acme/talks@v1")
    others = ("acme/nothing", "acme/talks@v9", "acme/secret")
    return _read(hub["url"], tmp_path_factory.mktemp("reader"), *talks, *others)


def test_a_dataset_of_the_hub_is_read_with_splits_licence_and_commit(
    hub: dict[str, str], found: dict[str, dict[str, Any]]
) -> None:
    talks = found["acme/talks"]
    facts = [talks[name] for name in ("name", "kind", "license", "revision")]
    assert facts == ["acme/talks", "esconv", "cc-by-nc-4.0", hub["second"]]
    assert talks["dialogues"] == [
        ["The kiln broke.", "train", "acme/talks"],
        ["The tram left.", "train", "acme/talks"],
        ["The garden froze.", "validation", "acme/talks"],
        ["The oven is warm.", "test", "acme/talks"],
    ]


@pytest.mark.parametrize("uri", ["acme/talks@v1", "acme/talks@COMMIT", "esconv:acme/talks@v1", "hub:acme/talks@v1"])
def test_a_revision_is_read_as_it_was(hub: dict[str, str], found: dict[str, dict[str, Any]], uri: str) -> None:
    talks = found[uri.replace("COMMIT", hub["first"])]
    assert (talks["name"], talks["revision"]) == ("acme/talks", hub["first"])
    assert talks["dialogues"][-1][0] == "The oven is cold."


def test_the_digest_is_that_of_the_content_wherever_it_is_cached(
    hub: dict[str, str], found: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    elsewhere = _read(hub["url"], tmp_path, "acme/talks@v1", "acme/secret", token=TOKEN)
    assert elsewhere["acme/talks@v1"]["sha256"] == found["acme/talks@v1"]["sha256"] != found["acme/talks"]["sha256"]
    assert len(elsewhere["acme/secret"]["dialogues"]) == 4


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("acme/nothing", "acme/nothing: no such file, and no such dataset on the Hub"),
        ("acme/talks@v9", "acme/talks has no revision 'v9'"),
        ("acme/secret", "acme/secret: no such file, and no such dataset on the Hub (or it is private: set HF_TOKEN)"),
    ],
)
def test_what_is_not_there_is_the_users_mistake(found: dict[str, dict[str, Any]], uri: str, message: str) -> None:
    assert (found[uri]["error"], found[uri]["code"]) == ("SourceError", 2)
    assert found[uri]["message"].startswith(message)


def test_a_hub_that_refuses_connections_can_be_tried_again(tmp_path: Path) -> None:
    found = _read(f"http://127.0.0.1:{free_port()}", tmp_path, "acme/talks")["acme/talks"]
    assert (found["error"], found["code"]) == ("EndpointError", 3)
    assert found["message"].startswith("the Hub did not give acme/talks: ")
    assert "repeat the command" in found["message"]
    assert "\n" not in found["message"]


def test_a_hub_that_fails_can_be_tried_again(tmp_path: Path) -> None:
    with running_hub(tmp_path / "server", [{"op": "info", "nth": 1, "times": 99, "do": "500"}]) as url:
        found = _read(url, tmp_path / "home", "acme/talks")["acme/talks"]
    assert (found["error"], found["code"]) == ("EndpointError", 3)


@pytest.mark.parametrize("uri", ["acme/talks", "acme/talks@v1.0.0", "a/b@refs/pr/1", "thu-coai/esconv"])
def test_a_hub_id_is_recognised(uri: str) -> None:
    assert HUB_ID.match(uri)


@pytest.mark.parametrize(
    "uri", ["talks", "./acme/talks", "/acme/talks", "acme/talks/data", "acme/talks@", "acme/ talks", "", "../talks"]
)
def test_a_path_is_no_hub_id(uri: str) -> None:
    assert not HUB_ID.match(uri)
