"""A whole build with a panel, a rewriter and a benchmark, against a real HTTP server on loopback that misbehaves."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, Faults, RawAnswer
from support.command import ipm_prefdial
from support.dialogues import dialogue, seeker, supporter
from support.persona import play_role_of_panels

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.safety.pii import PLACEHOLDERS
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.errors import EndpointError, UsageError
from ipm_prefdial.schemas.inference import Role, Task
from ipm_prefdial.schemas.rows import CANDIDATE_CONFIGS, rows_of
from ipm_prefdial.schemas.safety import PiiKind
from ipm_prefdial.schemas.spec import SourceRef
from ipm_prefdial.schemas.strategy import Strategy

ROUGH = Faults(rate_limited=0.03, server_error=0.01, cut=0.01, fenced=0.1, prose=0.1, wrong_enum=0.02)

MODELS = ("mock", "first", "second", "third")
JUDGES = MODELS[1:]
EMAIL, PHONE = "jo.doe@example.org", "555-123-4567"
RUN = "the kiln on the hill went cold in the hail and nobody came to look at it"


def _talks() -> list[Dialogue]:
    """Invented dialogues, of which most may not be used as they are."""
    long = (
        "My garden froze over night, all the beans are black, and I stood there until the first tram of the day came."
    )
    return [
        dialogue(
            seeker(f"Write to {EMAIL} or call {PHONE}, my oven broke."),
            supporter(f"I noted {EMAIL}. When did it break?", Strategy.QUESTION),
            seeker("Last week, and I feel so alone with it."),
            supporter("Alone with a cold oven for a week, that must wear you down.", Strategy.REFLECTION),
        ),
        dialogue(
            seeker("My oven broke, and I want to kill myself."),
            supporter("I am so glad that you told me. Are you safe now?", Strategy.QUESTION),
        ),
        dialogue(seeker(f"It is this: {RUN}."), supporter("Who should have come?", Strategy.QUESTION)),
        dialogue(seeker(long), supporter("How long did you wait there?", Strategy.QUESTION)),
        dialogue(seeker(f"Well. {long}"), supporter("How long did you wait there?", Strategy.QUESTION)),
        dialogue(
            seeker("The tram left without me again."),
            supporter("Hello, how are you?", Strategy.OTHERS),
            seeker("Not well, it is always me."),
            supporter("It feels as though trams leave you on purpose.", Strategy.REFLECTION),
            seeker("Thank you."),
            supporter("Please click the quit button and take the survey.", Strategy.OTHERS),
        ),
    ]


@dataclass(frozen=True)
class Built:
    """A build and what it was made from."""

    options: BuildOptions
    server: ChatServer

    @property
    def release(self) -> Release:
        """What came of it."""
        return Release(self.options.out)


def _options(folder: Path, out: str, url: str) -> BuildOptions:
    (folder / "exam.jsonl").write_text(json.dumps({"test": [{"text": f"They said: “{RUN}”."}]}) + "\n")
    (folder / "talks.jsonl").write_text(
        "".join(one.model_dump_json(exclude={"dialogue_id"}) + "\n" for one in _talks())
    )
    models = ModelOptions(
        planner=(f"mock@{url}",),
        responder=(f"mock@{url}",),
        judge=tuple(f"{judge}@{url}" for judge in JUDGES),
        rewrite=True,
        concurrency=8,
    )
    return BuildOptions(
        out=folder / out,
        release="2.0.0",
        sources=(SourceRef(uri=str(folder / "talks.jsonl")), SourceRef(uri="sample")),
        models=models,
        limit=12,
        benchmarks=(str(folder / "exam.jsonl"),),
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The build, with a server that fails in every way at times."""
    folder = tmp_path_factory.mktemp("panels")
    with ChatServer(play_role_of_panels, faults=ROUGH, models=MODELS) as server:
        options = _options(folder, "release", server.url)
        build(options)
    assert {"rate_limited", "server_error", "fenced", "prose", "wrong_enum"} <= server.met.keys()
    return Built(options, server)


def test_the_release_is_valid_and_a_rebuild_gives_its_bytes(built: Built) -> None:
    assert list(validate_release(built.release)) == []
    assert verify_release(built.options.out).differences == ()


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    with ChatServer(play_role_of_panels, faults=ROUGH, models=MODELS) as server:
        again = _options(tmp_path, "again", server.url)
        build(again)
    first, second = built.release, Release(again.out)
    names = [name for name in first.manifest.files if name.startswith("data/") or name == "splits.json"]
    assert {name: first.manifest.files[name] for name in names} == {name: second.manifest.files[name] for name in names}
    for field in ("counts", "usage", "sources", "benchmarks", "models", "prompts", "license"):
        assert getattr(first.manifest, field) == getattr(second.manifest, field), field


def test_every_candidate_is_a_row_or_a_named_drop(built: Built) -> None:
    release = built.release
    for config in CANDIDATE_CONFIGS:
        counts = release.manifest.counts[config]
        assert counts.conserved
        assert sum(counts.rows.values()) == sum(1 for _ in release.rows(config)) > 0
    reasons = {reason for config in PAIR_CONFIGS for reason in release.manifest.counts[config].dropped}
    assert reasons >= {
        DropReason.CRISIS,
        DropReason.CONTAMINATED,
        DropReason.REPEATED_DIALOGUE,
        DropReason.CROWD_CHATTER,
        DropReason.NOTHING_TO_SUPPORT,
        DropReason.REJECTED_SOUND,
        DropReason.EASIER_NEGATIVE,
    }


def test_every_row_fits_its_schema(built: Built) -> None:
    for config in built.release.configs:
        for row in built.release.rows(config):
            rows_of(2)[config].model_validate(row)


def test_every_pair_was_judged_by_the_whole_panel_in_both_orders(built: Built) -> None:
    for config in PAIR_CONFIGS:
        for row in built.release.rows(config):
            asked = [(one["model"], one["order"]) for one in row["judgements"]]
            assert asked == [(judge, order) for order in ("chosen_first", "rejected_first") for judge in JUDGES]
            assert row["panel"]["judges"] == 3
            assert row["panel"]["votes"] >= 2


def test_flawed_replies_were_rewritten_and_their_rows_say_so(built: Built) -> None:
    rows = [row for config in (Config.RESPONSE, Config.JOINT) for row in built.release.rows(config)]
    rewritten = [row for row in rows if row["rewrite"] is not None]
    assert rewritten
    assert len(rewritten) < len(rows)
    for row in rewritten:
        assert "A rewritten reply" in row["chosen"][0]["content"]
        assert row["rewrite"]["original"] not in row["chosen"][0]["content"]
    assert all("A rewritten reply" not in row["chosen"][0]["content"] for row in rows if row["rewrite"] is None)
    demonstrations = [row for config in SFT_CONFIGS for row in built.release.rows(config)]
    assert all("A rewritten reply" not in row["completion"][0]["content"] for row in demonstrations)


def test_no_dialogue_that_is_barred_gives_rows_or_costs_more_than_its_screening(built: Built) -> None:
    release = built.release
    own = [row["dialogue_id"] for row in release.rows(Config.DIALOGUES) if row["position"] < 6]
    (held_out,) = [row for row in release.rows(Config.CRISIS_HOLDOUT) if row["position"] == 1]
    listed = {row["dialogue_id"]: row for row in release.rows(Config.DIALOGUES)}
    overlapping = [one for one in own if listed[one]["contaminated_by"] == "exam.jsonl"]
    repeated = [one for one in own if listed[one]["repeats"] is not None]
    assert (len(overlapping), len(repeated)) == (1, 1)
    barred = {held_out["dialogue_id"], *overlapping, *repeated}
    for config in CANDIDATE_CONFIGS:
        assert not barred & {row["dialogue_id"] for row in release.rows(config)}
    tasks = Counter(row["task"] for row in release.rows(Config.COMPLETIONS) if row["dialogue_id"] in barred)
    assert tasks == {Task.CRISIS_JUDGE: 3 * len(JUDGES)}
    assert [(one.name, one.dialogues) for one in release.manifest.benchmarks] == [("exam.jsonl", 1)]


def test_no_address_is_in_any_file_of_the_release_or_was_ever_sent(built: Built) -> None:
    (record, _) = built.release.manifest.sources
    assert record.masked == {PiiKind.EMAIL: 2, PiiKind.PHONE: 1}
    sent = "".join(json.dumps(body["messages"]) for body in built.server.bodies)
    assert EMAIL not in sent
    assert PHONE not in sent
    tables = {name for config in built.release.configs for name in map(str, built.release.files(config))}
    for config in built.release.configs:
        for row in built.release.rows(config):
            text = json.dumps(row, ensure_ascii=False)
            assert EMAIL not in text
            assert PHONE not in text
    for path in built.options.out.rglob("*"):
        if path.is_file() and str(path) not in tables:
            assert EMAIL not in path.read_text(encoding="utf-8")
    replies = [row["reply"] or "" for row in built.release.rows(Config.COMPLETIONS)]
    assert any(PLACEHOLDERS[PiiKind.EMAIL] in reply for reply in replies), "else this test shows nothing"


def test_the_rewriter_is_the_first_responder(built: Built) -> None:
    models = built.release.manifest.models
    assert [one.ref.name for one in models[Role.REWRITER]] == ["mock"]
    assert built.release.manifest.usage[Role.REWRITER].calls > 0


@pytest.mark.slow
def test_a_build_that_broke_off_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    broken = RawAnswer(503, {"error": {"message": "overloaded"}}, {"Retry-After": "0"})
    with ChatServer(play_role_of_panels, models=MODELS) as server:
        options = replace(_options(tmp_path, "release", server.url), limit=5)
        for enough in (12, 150):  # while dialogues are screened, and while turns are mined
            server.raw = lambda body, most=enough: broken if len(server.answered) >= most else None  # type: ignore[misc]
            with pytest.raises(EndpointError):
                build(options)
        server.raw = None
        build(options)
    assert all(times == 1 for times in server.answered.values())
    release = Release(options.out)
    assert sum(1 for _ in release.rows(Config.COMPLETIONS)) == len(server.answered) > 150
    assert list(validate_release(release)) == []


# What the command refuses.


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"release": "1.0.0", "benchmarks": ("exam.jsonl",)}, r"release 1\.0\.0 has no rule for benchmarks"),
        ({"benchmarks": ("none.jsonl",)}, r"--decontaminate none\.jsonl: no such file"),
        ({"release": "1.0.0", "benchmarks": ()}, r"release 1\.0\.0 rewrites no replies"),
    ],
)
def test_what_a_release_cannot_do_is_refused_before_anything_is_sent(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    with ChatServer(play_role_of_panels, models=MODELS) as server:
        options = replace(_options(tmp_path, "release", server.url), **changes)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=told):
            build(options)
        assert server.asked.total() == 0
    assert not options.out.exists()


def test_the_embedded_responder_rewrites_nothing(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--release", "2.0.0", "--limit", "2", "--repair-chosen")
    assert done.code == 2
    assert "the embedded responder cannot rewrite" in done.err


@pytest.mark.slow
def test_the_embedded_models_build_a_panel_release_without_a_network(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--release", "2.0.0", "--limit", "10", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["counts"]["response"]["candidates"] > 0
    release = Release(tmp_path / "release")
    assert list(validate_release(release)) == []
    assert verify_release(release.root).differences == ()
    tasks = {row["task"] for row in release.rows(Config.COMPLETIONS)}
    assert Task.CRISIS_JUDGE not in tasks
    assert Task.REWRITER not in tasks
