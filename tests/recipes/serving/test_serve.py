"""A real server over a real checkpoint: started, asked over HTTP, stopped."""

import json
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the [serve] extra")
pytest.importorskip("torch", reason="needs the [train] extra")

from support.checkpoints import untrained

from ipm_prefdial.builders.models.endpoint import parse_model
from ipm_prefdial.recipes.serving.serve import ServeOptions, Server, free_port, is_healthy, serve
from ipm_prefdial.recipes.serving.view import revision_of
from ipm_prefdial.schemas.errors import EndpointError, UsageError

pytestmark = pytest.mark.train


def _options(folder: Path, within_s: float = 120) -> ServeOptions:
    return ServeOptions(folder, Server.TRANSFORMERS, on_cpu=True, healthy_within_s=within_s)


def _answer(url: str, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "I feel alone."}], "max_tokens": 4, "seed": 3}
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        found = json.loads(answer.read())
    assert found["usage"]["completion_tokens"] <= 4
    return str(found["choices"][0]["message"]["content"])


def test_checkpoint_is_served_by_its_name_and_stopped(tmp_path: Path) -> None:
    checkpoint = untrained(tmp_path / "planner" / "sft")
    with (
        pytest.raises(RuntimeError, match="on purpose"),
        serve({"planner-sft": checkpoint}, _options(tmp_path / "served")) as served,
    ):
        one = served["planner-sft"]
        port = int(one.url.removesuffix("/v1").rpartition(":")[2])
        assert is_healthy(port)
        assert _answer(one.url, "planner-sft") == _answer(one.url, "planner-sft"), "the seed decides"
        choice = parse_model(str(one))
        assert (choice.name, choice.revision, choice.base_url) == ("planner-sft", revision_of(checkpoint), one.url)
        raise RuntimeError("on purpose")
    assert not is_healthy(port)
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["logs"], "a merged adapter would take much room"
    assert "Uvicorn running" in (tmp_path / "served" / "logs" / "planner-sft.log").read_text()


def test_server_that_is_not_healthy_in_time(tmp_path: Path) -> None:
    checkpoint = untrained(tmp_path / "planner")
    match = r"planner was not healthy within 0\.1 s.*planner\.log"
    options = _options(tmp_path / "served", within_s=0.1)
    with pytest.raises(EndpointError, match=match) as told, serve({"planner": checkpoint}, options):
        pytest.fail("it is never there")
    assert "\n" not in str(told.value)


def test_server_that_ends(tmp_path: Path) -> None:
    checkpoint = untrained(tmp_path / "planner")
    (checkpoint / "config.json").write_text('{"model_type": "nothing that there is"}')
    match = "planner ended with exit code 1; its last words: "
    with pytest.raises(EndpointError, match=match) as told, serve({"planner": checkpoint}, _options(tmp_path / "out")):
        pytest.fail("it is never there")
    assert "\n" not in str(told.value)


def test_folder_that_is_no_checkpoint_starts_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="no such folder"),
        serve({"planner": untrained(tmp_path / "planner"), "joint": tmp_path / "joint"}, _options(tmp_path / "served")),
    ):
        pytest.fail("it is never there")
    assert not (tmp_path / "served").exists()


def test_nobody_listens_on_a_free_port() -> None:
    assert not is_healthy(free_port())
