"""A key goes to its own host alone, never in clear text to another machine, and into nothing that is kept."""

import json
import logging
from pathlib import Path

import aiohttp
import pytest
from openai import OpenAI
from pydantic import SecretStr
from servers.asking import make_request
from servers.chat_server import ChatServer, RawAnswer, answer_with

from ipm_prefdial.builders.models._http import HttpCompleter, open_model
from ipm_prefdial.builders.models.endpoint import (
    PROVIDER_URL,
    Endpoint,
    is_loopback,
    mask_key,
    mask_reply,
    parse_model,
    resolve,
)
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.errors import EndpointError, UsageError
from ipm_prefdial.schemas.inference import Completion, Role

KEY = "sk-very-secret-0123456789"
OTHER = "sk-another-secret-987654"


def holds(folder: Path, secret: str) -> bool:
    return any(secret.encode() in path.read_bytes() for path in folder.iterdir())


def key_to(model: str, environ: dict[str, str], role: Role = Role.JUDGE) -> list[str | None]:
    """The keys that go to each place of a model."""
    places = resolve(parse_model(model), role, environ).places
    return [place.key.get_secret_value() if place.key is not None else None for place in places]


@pytest.mark.parametrize(
    ("model", "environ", "keys"),
    [
        ("m", {"OPENAI_API_KEY": KEY}, [KEY]),
        ("m@https://api.openai.com/v1", {"OPENAI_API_KEY": KEY}, [KEY]),
        ("m@https://API.openai.com:443/v1", {"OPENAI_API_KEY": KEY}, [KEY]),
        ("m@https://llm.example.org/v1", {"OPENAI_API_KEY": KEY}, [None]),
        ("m@https://api.openai.com.evil.example/v1", {"OPENAI_API_KEY": KEY}, [None]),
        ("m@https://api.openai.com:8443/v1", {"OPENAI_API_KEY": KEY}, [None]),
        ("m@http://127.0.0.1:8000/v1", {"OPENAI_API_KEY": KEY}, [None]),
        ("m@http://gpu1:8000/v1", {"OPENAI_API_KEY": KEY}, [None]),
        ("m", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://llm.example.org/v1"}, [KEY]),
        ("m@https://h.example/b", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://h.example/v1"}, [KEY]),
        ("m@http://127.0.0.1:1/v1", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:2/v1"}, [None]),
        ("m@https://llm.example.org/v1", {"OPENAI_API_KEY": KEY, "IPM_PREFDIAL_JUDGE_API_KEY": OTHER}, [OTHER]),
        ("m", {"OPENAI_API_KEY": KEY, "IPM_PREFDIAL_JUDGE_API_KEY": OTHER}, [OTHER]),
        ("m@https://api.openai.com/v1,https://llm.example.org/v1", {"OPENAI_API_KEY": KEY}, [KEY, None]),
        ("m@https://llm.example.org/v1,https://api.openai.com/v1", {"OPENAI_API_KEY": KEY}, [None, KEY]),
    ],
)  # fmt: skip
def test_a_key_goes_to_its_own_host(model: str, environ: dict[str, str], keys: list[str | None]) -> None:
    assert key_to(model, environ) == keys


def test_the_providers_url_is_the_openai_packages() -> None:
    with OpenAI(api_key="unused") as client:
        assert str(client.base_url).rstrip("/") == PROVIDER_URL


@pytest.mark.parametrize("host", ["gpu1:8000", "10.0.0.5", "127.0.0.1.evil.example", "localhost.evil.example"])
def test_a_key_over_plain_http_to_another_machine_is_refused(host: str) -> None:
    environ = {"IPM_PREFDIAL_JUDGE_API_KEY": KEY}
    with pytest.raises(UsageError, match=f"IPM_PREFDIAL_PLAIN_HTTP={host}") as caught:
        key_to(f"m@http://{host}/v1", environ)
    assert "IPM_PREFDIAL_JUDGE_API_KEY" in str(caught.value) and KEY not in str(caught.value)
    with pytest.raises(UsageError, match="clear text"):
        key_to(f"m@https://fine.example/v1,http://{host}/v1", environ)
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        key_to("m", {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"http://{host}/v1"})
    assert key_to(f"m@http://{host}/v1", {**environ, "IPM_PREFDIAL_PLAIN_HTTP": f"x, {host}"}) == [KEY]
    assert key_to(f"m@http://{host}/v1", {}) == [None]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "a.localhost"]
)
def test_the_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "192.168.0.1", "notlocalhost", "::2", "127.0.0.1.nip.io"])
def test_other_hosts_are_not(host: str) -> None:
    assert not is_loopback(host)


def test_short_keys_are_words_and_stay_in_replies() -> None:
    assert mask_reply("None of it is EMPTY.", SecretStr("EMPTY")) == "None of it is EMPTY."
    assert mask_reply(f"It is {KEY}.", SecretStr(KEY)) == "It is [key]."
    assert mask_key("refused EMPTY", SecretStr("EMPTY")) == "refused [key]"
    assert mask_key("x", None) == mask_key("x", SecretStr("")) == "x"


@pytest.mark.parametrize(
    "answer",
    [
        RawAnswer(200, answer_with(f"Your key is {KEY}, {KEY}.")),
        RawAnswer(200, answer_with(None, content=[{"type": "thinking", "text": KEY}, {"type": "text", "text": KEY}])),
        RawAnswer(200, answer_with(None, refusal=f"No, {KEY}.")),
        RawAnswer(200, {**answer_with("Hi"), "model": KEY}),
        RawAnswer(200, answer_with("Hi", finish_reason=KEY)),
        RawAnswer(200, {"error": {"message": KEY, "code": KEY}}),
        RawAnswer(200, KEY.encode()),
        RawAnswer(400, {"error": {"message": f"Bad header: Bearer {KEY}"}}),
        RawAnswer(401, {"error": {"message": KEY}}),
        RawAnswer(503, {"message": {"headers": {"authorization": f"Bearer {KEY}"}}}),
    ],
)  # fmt: skip
async def test_a_key_that_comes_back_is_not_kept(
    answer: RawAnswer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def no_wait(_seconds: float) -> None:
        return

    said = ""
    with ChatServer(raw=lambda _: answer) as server, Records(tmp_path / "records.sqlite") as records:
        endpoint = Endpoint(name="mock", base_url=server.url, key=SecretStr(KEY))
        async with open_model(endpoint, records=records, sleep=no_wait) as model:
            try:
                outcome = await model.complete(make_request())
                said = outcome.text if isinstance(outcome, Completion) else outcome.detail
            except EndpointError as error:
                said = str(error)
        records.flush()
        rows = [row.outcome for row in records.rows()]
    assert KEY not in said + caplog.text + repr(rows)
    assert not holds(tmp_path, KEY)
    assert "[key]" in said + caplog.text


async def test_a_refused_call_without_a_key_says_where_the_providers_key_stayed() -> None:
    with ChatServer(key=KEY) as server:
        endpoint = resolve(parse_model(f"mock@{server.url}"), Role.PLANNER, {"OPENAI_API_KEY": KEY})
        async with aiohttp.ClientSession() as session:
            with pytest.raises(EndpointError, match="set IPM_PREFDIAL_PLANNER_API_KEY") as caught:
                await HttpCompleter(endpoint, session).complete(make_request())
    assert "OPENAI_API_KEY goes only to its provider's own host" in str(caught.value)
    assert "Authorization" not in server.headers[0]


def test_a_masked_reply_is_still_the_answer() -> None:
    assert json.loads(mask_reply(json.dumps({"why": KEY}), SecretStr(KEY))) == {"why": "[key]"}
