"""What a user writes is what is asked, and a key shows nowhere."""

import json
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.endpoint import Endpoint, ModelChoice, parse_model, resolve
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import ModelRef, Role

KEY = "sk-very-secret-0123456789"

names = st.text(string.ascii_letters + string.digits + "/:._-", min_size=1, max_size=40)
revisions = st.none() | st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=40)
urls = st.none() | st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["localhost", "127.0.0.1", "api.example.org", "[::1]"]),
    st.sampled_from(["", ":8000"]),
    st.sampled_from(["", "/v1", "/a/b-c/v1"]),
)


@given(name=names, revision=revisions, url=urls, slash=st.sampled_from(["", "/"]))
def test_parts_come_back_as_they_were_put_together(
    name: str, revision: str | None, url: str | None, slash: str
) -> None:
    written = name + (f"#{revision}" if revision else "") + (f"@{url}{slash}" if url else "")
    choice = parse_model(written)
    assert choice == ModelChoice(name=name, revision=revision, base_url=url)
    assert parse_model(str(choice)) == choice
    assert choice.ref == ModelRef(name=name, revision=revision)


@given(places=st.lists(urls.filter(bool), min_size=1, max_size=4, unique=True))
def test_several_places_come_back_in_order(places: list[str]) -> None:
    choice = parse_model(f"m#r@{','.join(places)}")
    assert (choice.base_url, *choice.more_urls) == tuple(places)
    assert parse_model(str(choice)) == choice
    endpoint = resolve(choice, Role.JUDGE, {})
    assert [one.base_url for one in endpoint.places] == places
    assert endpoint.same_as(resolve(parse_model(f"m#r@{','.join(reversed(places))}"), Role.PLANNER, {}))


@given(st.text(max_size=60))
def test_any_text_is_a_model_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_model(text).name


@pytest.mark.parametrize(
    ("text", "name", "url"),
    [
        ("model@20250101", "model@20250101", None),
        ("qwen2.5:7b@http://localhost:11434/v1", "qwen2.5:7b", "http://localhost:11434/v1"),
        ("Qwen/Qwen2.5-7B-Instruct#a09a354@https://h/v1/", "Qwen/Qwen2.5-7B-Instruct", "https://h/v1"),
        (" gpt-4.1-mini ", "gpt-4.1-mini", None),
    ],
)
def test_names_as_people_write_them(text: str, name: str, url: str | None) -> None:
    choice = parse_model(text)
    assert (choice.name, choice.base_url) == (name, url)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is written"),
        ("#abc", "is written"),
        ("m#", "is written"),
        ("two words", "is written"),
        ("m\x00", "is written"),
        ("@http://h/v1", "is written"),
        ("m@localhost:8000/v1", "needs http"),
        ("m@host:8000", "needs http"),
        ("m@ftp://host/v1", "needs http"),
        ("m@http://", "with a host"),
        ("m@http://h:notaport/v1", "with a host"),
        ("m@http://h:99999/v1", "with a host"),
        ("m@http://h /v1", "with a host"),
        ("m@http://h/v1#x", "fragment"),
        ("m@http://h/v1,http://h/v1/", "twice"),
        ("m@http://h,other:8000/v1", "each needs http"),
        (f"m@http://h/v1?key={KEY}", "query"),
        (f"m@http://user:{KEY}@h/v1", "password"),
        (f"m@http://{KEY}@h:x/v1", "with a host"),
    ],
)
def test_what_cannot_be_is_refused_without_repeating_a_secret(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_model(text)
    assert KEY not in str(caught.value)


def test_role_key_comes_before_the_common_one() -> None:
    environ = {"OPENAI_API_KEY": "common", "IPM_PREFDIAL_JUDGE_API_KEY": KEY}
    judge = resolve(parse_model("m"), Role.JUDGE, environ)
    planner = resolve(parse_model("m"), Role.PLANNER, environ)
    assert judge.key is not None and judge.key.get_secret_value() == KEY
    assert planner.key is not None and planner.key.get_secret_value() == "common"
    assert not judge.same_as(planner)
    assert judge.same_as(resolve(parse_model("m"), Role.JUDGE, environ))


def test_default_endpoint_is_the_openai_packages_and_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="IPM_PREFDIAL_PLANNER_API_KEY or OPENAI_API_KEY"):
        resolve(parse_model("m"), Role.PLANNER, {"OPENAI_API_KEY": "  "})
    assert resolve(parse_model("m"), Role.PLANNER, {"OPENAI_API_KEY": "k"}).base_url == "https://api.openai.com/v1"


def test_named_endpoint_needs_no_key() -> None:
    endpoint = resolve(parse_model("m#r@http://h:8000/v1"), Role.JOINT, {})
    assert (endpoint.key, endpoint.host, endpoint.ref) == (None, "h:8000", ModelRef(name="m", revision="r"))
    assert resolve(parse_model("m"), Role.JOINT, {"OPENAI_BASE_URL": "http://o/v1/"}).base_url == "http://o/v1"


def test_base_url_of_the_environment_is_checked_too() -> None:
    with pytest.raises(UsageError, match="OPENAI_BASE_URL") as caught:
        resolve(parse_model("m"), Role.JOINT, {"OPENAI_BASE_URL": f"http://u:{KEY}@h/v1"})
    assert KEY not in str(caught.value)


def test_key_that_no_header_can_carry_is_refused_unseen() -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY holds") as caught:
        resolve(parse_model("m"), Role.JUDGE, {"OPENAI_API_KEY": f"{KEY}\r\nX: y"})
    assert KEY not in str(caught.value)


def test_key_shows_in_no_repr_and_no_dump() -> None:
    endpoint = resolve(parse_model("m"), Role.JUDGE, {"OPENAI_API_KEY": KEY})
    assert isinstance(endpoint, Endpoint)
    shown = [repr(endpoint), str(endpoint), endpoint.model_dump_json(), json.dumps(endpoint.model_dump(mode="json"))]
    assert not any(KEY in text for text in shown)
