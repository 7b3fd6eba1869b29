"""A Hub, releases to publish to it, and the publish as a function, with the real client in this process."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.publishing import HubServer, hub_server, publishable
from support.releases import copy_release

from ipm_prefdial.builders.publishing.fresh_load import ReadAs
from ipm_prefdial.builders.publishing.preflight import PublishOptions
from ipm_prefdial.builders.publishing.run import PublishResult, publish
from ipm_prefdial.builders.release.read import Release

Publish = Callable[..., PublishResult]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A Hub for the tests of one file; each has a repo of its own there."""
    with hub_server(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture
def repo(hub: HubServer, request: pytest.FixtureRequest) -> str:
    """A repo that no other test knows, with no fault left over from one, and no file stored already."""
    hub.fault()
    shutil.rmtree(hub.data / "lfs", ignore_errors=True)
    return f"acme/prefs-{abs(hash(request.node.nodeid))}"


@pytest.fixture
def first(tmp_path: Path) -> Release:
    """Release 1.0.0, audited and fit to be published."""
    return copy_release(tmp_path / "first", publishable("1.0.0", 4))


@pytest.fixture
def second(tmp_path: Path) -> Release:
    """Release 1.1.0: the rows of the first, and those of two more dialogues."""
    return copy_release(tmp_path / "second", publishable("1.1.0", 6))


@pytest.fixture
def sleeps() -> list[float]:
    """The seconds that `send` would have waited between attempts."""
    return []


@pytest.fixture
def send(hub: HubServer, repo: str, sleeps: list[float], monkeypatch: pytest.MonkeyPatch) -> Publish:
    """`publish` to the test's repo, without waiting between attempts and without the reader at the end."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)

    def send(release: Release, *, api: Any = None, reader: Any = no_reader, **options: Any) -> PublishResult:
        wanted = PublishOptions(folder=release.root, repo=repo, **options)
        with warnings.catch_warnings():
            # The Hub's client uploads in a way that its HTTP library would like to be spelt otherwise.
            warnings.filterwarnings("ignore", "Use 'content=<", DeprecationWarning)
            return publish(wanted, api=api or hub.api(), reader=reader, sleep=sleeps.append)

    return send


def no_reader(read_as: ReadAs, manifest: Path) -> None:
    """Reads nothing: git looks at what was published."""
