"""From the names on a command line to the models of a pool: every form of a name, and what is refused before a call."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from servers.asking import make_request

from ipm_prefdial.builders.models.budget import Price, Prices
from ipm_prefdial.builders.models.client import Completer, ScriptedCompleter
from ipm_prefdial.builders.models.endpoint import Baseline, ModelChoice, ModelFolder, ModelWord, parse_word
from ipm_prefdial.builders.models.pool import CallOptions, ModelOptions, ModelPool, open_pool
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Completion, ModelRef, Request, Role

URL = "http://localhost:1/v1"


@dataclass
class Folder:
    """A model on disk that says one word, and remembers the locks that it was given."""

    ref: ModelRef
    facts: dict[str, str] = field(default_factory=dict)
    turns: list[asyncio.Lock] = field(default_factory=list)

    def completer(self, turn: asyncio.Lock) -> Completer:
        self.turns.append(turn)
        return ScriptedCompleter(lambda request: "yes")


def _not_fitted() -> Iterable[Dialogue]:
    raise AssertionError("what is misnamed is refused before the baseline is fitted")


def _open(*named: tuple[Role, str], folder: Folder | None = None) -> ModelPool:
    words = [(role, parse_word(text, checkpoints=True)) for role, text in named]
    return open_pool(
        CallOptions(), words, _not_fitted, lambda role, word: folder or Folder(ModelRef(name=word.path.name))
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("corpus", Baseline()),
        ("reward:runs/unifi", ModelFolder(Path("runs/unifi"), is_reward=True)),
        ("folder", ModelFolder(Path("folder"))),
        ("corpus-7b", ModelChoice(name="corpus-7b")),
        (f"folder@{URL}", ModelChoice(name="folder", base_url=URL)),
    ],
)
def test_a_name_has_one_reading(text: str, word: ModelWord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    assert parse_word(text, checkpoints=True) == word


def test_a_folder_is_a_name_at_an_endpoint_where_no_checkpoint_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    assert parse_word("folder") == ModelChoice(name="folder")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (((Role.JUDGE, "corpus"), (Role.JUDGE, "corpus")), "corpus is named twice as judge"),
        (((Role.JUDGE, "reward:a"), (Role.JUDGE, "reward:b/a")), "a is named twice as judge"),
        (((Role.JUDGE, f"m@{URL}"), (Role.JUDGE, "m@http://localhost:2/v1")), "m is named twice as judge"),
        (((Role.PLANNER, "reward:a"),), "reward:a as planner: a reward model only labels steps"),
    ],
)
def test_a_model_that_cannot_have_a_role_is_refused_before_anything_is_fitted(
    named: tuple[tuple[Role, str], ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _open((Role.RESPONDER, "corpus"), *named)


def test_one_model_may_have_several_roles() -> None:
    pool = _open((Role.PLANNER, f"m@{URL}"), (Role.JUDGE, f"m@{URL}"))
    assert pool.models == {role: (ModelRef(name="m"),) for role in (Role.PLANNER, Role.JUDGE)}


def test_the_baseline_has_every_role_of_a_build_that_names_no_model() -> None:
    words = ModelOptions().words(load_release("2.1.0").spec)
    assert dict(words) == dict.fromkeys(
        (Role.PLANNER, Role.RESPONDER, Role.JOINT, Role.JUDGE, Role.REASONER), Baseline()
    )


def test_models_on_disk_share_a_lock_that_is_new_with_every_event_loop(tmp_path: Path) -> None:
    folder = Folder(ModelRef(name="m"))
    pool = _open((Role.JUDGE, "reward:m"), folder=folder)

    async def ask(records: Records, request: Request) -> object:
        async with pool.open(records) as completers:
            return await completers[Role.JUDGE, folder.ref].complete(request)

    with Records(tmp_path / "records.sqlite") as records:
        for number in range(2):
            outcome = asyncio.run(ask(records, make_request(str(number))))
            assert isinstance(outcome, Completion) and outcome.text == "yes"
    first, second = folder.turns
    assert first is not second, "a lock that waited in one event loop cannot be used in another"


def test_a_models_calls_cost_half_where_its_own_role_goes_in_batches() -> None:
    prices = Prices(models={"m": Price(prompt=1e6, completion=1e6), "n": Price(prompt=1e6, completion=1e6)})
    roles = {Role.PLANNER: (ModelRef(name="m"),), Role.JUDGE: (ModelRef(name="n"),)}
    pool = ModelPool(CallOptions(batch=frozenset({Role.JUDGE})), prices, {}, None, roles)
    for name, usd in (("m", 4), ("n", 2)):
        meter = pool.meter_of(ModelRef(name=name))
        meter.count(Completion(key="k", text="", finish_reason="stop", prompt_tokens=4))
        assert meter.snapshot().cost_usd == usd
