"""Published answers of an earlier release stand in for the models: what is new is asked, and the bytes are the same."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, RawAnswer
from support.command import ipm_prefdial
from support.hub import running_hub, upload
from support.persona import play_role_of_panels
from support.releases import Row, change_rows, copy_release, flip_byte, refresh_hashes
from support.same import bytes_of_tables

from ipm_prefdial.builders.building.estimate import estimate
from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.reuse import PublishedAnswers
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import BudgetError, DataError, UsageError
from ipm_prefdial.schemas.inference import Completion, Role

NOWHERE = "http://127.0.0.1:9/v1"
COMPLETIONS = "data/completions/train-00000-of-00001.parquet"


def asking(
    out: Path, url: str, *reuse: Path | str, release: str = "1.0.0", limit: int = 4, **models: object
) -> BuildOptions:
    """A build of the sample in which the model at `url` plays every role."""
    model = (f"mock@{url}",)
    return BuildOptions(
        out,
        release,
        models=ModelOptions(planner=model, responder=model, judge=model, **models),  # type: ignore[arg-type]
        limit=limit,
        reuse=tuple(map(str, reuse)),
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 1.0.0 over four dialogues."""
    out = tmp_path_factory.mktemp("first") / "first"
    with ChatServer(play_role_of_panels) as server:
        build(asking(out, server.url))
    return out


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that behaves, and that has been asked nothing yet."""
    with ChatServer(play_role_of_panels) as running:
        yield running


def calls_of(root: Path) -> Counter[str]:
    """Distinct calls by role."""
    return Counter(row["role"] for row in Release(root).rows(Config.COMPLETIONS))


def test_what_was_published_is_not_asked_again(tmp_path: Path, first: Path) -> None:
    manifest = build(asking(tmp_path / "again", NOWHERE, first))
    assert bytes_of_tables(tmp_path / "again") == bytes_of_tables(first)
    assert verify_release(tmp_path / "again").clean
    (told,) = manifest.run.reused
    assert (told.name, told.version) == ("first", "1.0.0")
    assert told.calls == calls_of(first)
    assert str(tmp_path) not in (tmp_path / "again" / "manifest.json").read_text()
    assert "reused" not in json.loads((first / "manifest.json").read_text())["run"]


def test_more_dialogues_ask_only_what_they_add(tmp_path: Path, first: Path, server: ChatServer) -> None:
    manifest = build(asking(tmp_path / "grown", server.url, first, limit=7))
    asked = server.asked.total()
    build(asking(tmp_path / "alone", server.url, limit=7))
    assert bytes_of_tables(tmp_path / "grown") == bytes_of_tables(tmp_path / "alone")
    assert asked + sum(manifest.run.reused[0].calls.values()) == calls_of(tmp_path / "alone").total()
    assert asked < server.asked.total() - asked
    assert verify_release(tmp_path / "grown").clean


def test_another_spec_takes_over_the_draws_that_it_shares(tmp_path: Path, first: Path, server: ChatServer) -> None:
    manifest = build(asking(tmp_path / "two", server.url, first, release="2.0.0"))
    build(asking(tmp_path / "alone", server.url, release="2.0.0"))
    assert bytes_of_tables(tmp_path / "two") == bytes_of_tables(tmp_path / "alone")
    calls = manifest.run.reused[0].calls
    assert {Role.PLANNER, Role.RESPONDER, Role.JOINT} == calls.keys()
    assert calls[Role.RESPONDER] > 10


def test_the_first_of_several_releases_answers(tmp_path: Path, first: Path) -> None:
    other = copy_release(tmp_path / "other", Release(first))

    def reword(rows: list[Row]) -> None:
        for row in rows:
            row["reply"] = "Another reply."

    change_rows(other, COMPLETIONS, reword)
    key = next(Release(first).rows(Config.COMPLETIONS))["request_key"]
    with PublishedAnswers([Release(first), other]) as one, PublishedAnswers([other, Release(first)]) as two:
        found = [answers.find(key) for answers in (one, two)]
        assert one.find("0" * 64) is None
    texts = [answer.outcome.text for answer in found if answer and isinstance(answer.outcome, Completion)]
    assert [answer.release for answer in found if answer] == [0, 0]
    assert texts[0] != texts[1] == "Another reply."


@pytest.mark.slow
def test_what_failed_in_passing_is_asked_again(tmp_path: Path, server: ChatServer) -> None:
    broken = RawAnswer(503, {"error": {"message": "overloaded"}}, {"Retry-After": "0"})
    refused = RawAnswer(400, {"error": {"message": "no such thing"}})
    odd = [0]

    def fail(body: dict[str, object]) -> RawAnswer | None:
        odd[0] += 1
        return (broken, refused)[odd[0] % 2] if "'temperature': 0.0" in str(body) and odd[0] > 60 else None

    with ChatServer(play_role_of_panels, raw=fail) as flawed:
        options = asking(tmp_path / "flawed", flawed.url, limit=2)
        build(replace(options, models=replace(options.models, concurrency=1)))
    rows = [row for row in Release(tmp_path / "flawed").rows(Config.COMPLETIONS) if row["failure"]]
    passing = [row for row in rows if row["failure"] != "bad_request"]
    assert len(rows) > 3
    build(asking(tmp_path / "mended", server.url, tmp_path / "flawed", limit=2))
    assert server.asked.total() == len(passing)


def test_a_stopped_build_goes_on_with_its_own_answers_first(tmp_path: Path, first: Path, server: ChatServer) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {mock: {prompt: 1000, completion: 1000}}")
    options = asking(tmp_path / "grown", server.url, first, limit=7, prices=prices, budget_usd=1.5)
    with pytest.raises(BudgetError, match="raise --budget"):
        build(options)
    own = server.answered.total()
    (planner, *_) = estimate(options).roles
    assert planner.new + planner.recorded + sum(planner.reused.values()) == planner.calls
    assert sum(one.recorded for one in estimate(options).roles) == own > 0
    manifest = build(replace(options, models=replace(options.models, budget_usd=1000.0)))
    assert all(times == 1 for times in server.answered.values())
    assert manifest.run.cost_usd == pytest.approx(server.answered.total() * 19 * 1000 / 1e6)


def test_the_plan_tells_what_is_new_and_where_the_rest_is_from(tmp_path: Path, first: Path, server: ChatServer) -> None:
    grown = asking(tmp_path / "grown", server.url, first, limit=7)
    told = estimate(grown)
    again = estimate(replace(grown, limit=4))
    assert sum(one.new for one in again.roles) == 0
    assert {one.role: one.reused[str(first)] for one in again.roles} == dict(calls_of(first))
    assert all(one.new + sum(one.reused.values()) == one.calls for one in told.roles)
    assert server.asked.total() == 0
    build(grown)
    asked = server.asked.total()
    assert asked <= sum(one.new for one in told.roles)
    unknown = {one.role: one.new for one in told.roles if one.role is not Role.JUDGE}
    assert asked >= sum(unknown.values())


def test_the_command_shows_the_plan_in_columns(tmp_path: Path, first: Path) -> None:
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{NOWHERE}")]
    words = ("build", "--out", tmp_path / "out", "--limit", "5", *models, "--reuse", first, "--dry-run")
    told = json.loads(ipm_prefdial(*words, "--json").out)
    assert {"recorded", "reused", "new"} <= told["roles"][0].keys()
    shown = ipm_prefdial(*words, environ={"COLUMNS": "300"})
    assert shown.code == 0
    assert "from first" in shown.out


@pytest.mark.slow
def test_a_release_on_the_hub_is_reused_by_its_tag(tmp_path: Path, first: Path) -> None:
    with running_hub(tmp_path / "server") as url:
        upload(url, tmp_path / "uploader", "acme/prefs", first, tag="v1.0.0")
        models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{NOWHERE}")]
        environ = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        words = ("build", "--out", tmp_path / "out", "--limit", "4", *models)
        done = ipm_prefdial(*words, "--reuse", "acme/prefs@v1.0.0", environ=environ)
        assert done.code == 0, done.err
        gone = ipm_prefdial(*words, "--reuse", "acme/prefs@v9.9.9", "--force", environ=environ)
    assert gone.code == 2
    assert "v9.9.9" in gone.err
    assert bytes_of_tables(tmp_path / "out") == bytes_of_tables(first)
    assert Release(tmp_path / "out").manifest.run.reused[0].name == "acme/prefs@v1.0.0"


def test_altered_answers_are_refused_before_anything_is_asked(tmp_path: Path, first: Path, server: ChatServer) -> None:
    flipped = copy_release(tmp_path / "flipped", Release(first))
    flip_byte(flipped.root / COMPLETIONS)
    with pytest.raises(DataError, match="not the file in the manifest"):
        build(asking(tmp_path / "out", server.url, flipped.root))
    emptied = copy_release(tmp_path / "emptied", Release(first))
    change_rows(emptied, COMPLETIONS, lambda rows: rows[3].update(reply=None, finish_reason=None))
    refresh_hashes(emptied.root)
    with pytest.raises(DataError, match="neither one complete reply"):
        build(asking(tmp_path / "out", server.url, emptied.root))
    with pytest.raises(UsageError, match="no release"):
        build(asking(tmp_path / "out", server.url, tmp_path))
    assert server.asked.total() == 0
    assert not (tmp_path / "out").exists()
