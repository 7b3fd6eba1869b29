"""Which model plays which role in a build, and how the players are reached."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from ...schemas.dialogue import Dialogue, Split
from ...schemas.errors import UsageError
from ...schemas.inference import REWARD, ModelRef, Role, TokenLimits, is_reward_model
from ...schemas.manifest import ModelRecord
from ...schemas.spec import BuildSpec
from .batch.context import BatchLimits, known_dialect
from .batch.job import JobState, Queue
from .batch.ledger import Ledger, QueueingClient
from .budget import Budget, Meter, Prices, Snapshot, load_prices, spent_usd
from .client import AnswerStore, Completer, Completers
from .endpoint import Endpoint, parse_model, resolve
from .limit import Limits
from .record import Recording, Records

if TYPE_CHECKING:
    from .baseline.models import BaselineModels

GROUP = "ipm_prefdial.scorers"
"""The entry points that open reward models: training lies above this layer, so builders cannot import it."""


class InProcessModel(Protocol):
    """A model that is loaded into this process."""

    @property
    def ref(self) -> ModelRef:
        """Its name, and a digest of its weights or of its training as the revision."""
        ...

    @property
    def facts(self) -> Mapping[str, JsonValue]:
        """What is measured of it, for the card."""
        ...

    def completer(self) -> Completer:
        """A completer for the running event loop."""
        ...


def _open_reward_models(judges: tuple[str, ...], spec: BuildSpec) -> dict[str, InProcessModel]:
    """The reward models among the judges of a build, by how they were named.

    Raises:
        UsageError: there is no such checkpoint, nothing that loads it, no trace to label, or it is named twice.
    """
    named = [text for text in judges if is_reward_model(text)]
    if not named:
        return {}
    if spec.reasoning is None:
        raise UsageError(f"--judge {named[0]}: release {spec.version} has no reasoning traces, which it would label")
    found = {entry.name: entry for entry in entry_points(group=GROUP)}.get(REWARD.removesuffix(":"))
    if found is None:
        raise UsageError(f"--judge {named[0]}: this installation has no reward models; install ipm-prefdial anew")
    opened: dict[str, InProcessModel] = {text: found.load()(text, spec) for text in dict.fromkeys(named)}
    if len({model.ref for model in opened.values()}) < len(named):
        raise UsageError(f"--judge {named[0]}: a reward model is named twice")
    return opened


CORPUS = "corpus"
"""What the embedded models are called, in commands and in rows."""

Attempt = Callable[[ModelRef, Completer], Completer]
"""Puts something around every single attempt at a model."""


@dataclass(frozen=True)
class CallOptions:
    """How fast, and for how much, a command calls models."""

    concurrency: int = 32
    """Calls in flight at once, per model; of a checkpoint also the most that are answered in one batch."""
    rpm: int | None = None
    """Requests a minute, per model."""
    tpm: int | None = None
    """Tokens a minute, per model."""
    timeout_s: float = 120.0
    """Seconds that one call may take."""
    budget_usd: float | None = None
    """What all calls together may cost, earlier runs of the same command included."""
    prices: Path | None = None
    """A price table over the built-in one."""
    batch: frozenset[Role] = frozenset()
    """Roles that go through the provider's Batch API, as far as they are reached over HTTP."""
    batch_limits: BatchLimits = field(default_factory=BatchLimits)
    """How much goes into a batch, and how patiently it is waited for."""


@dataclass(frozen=True)
class ModelOptions(CallOptions):
    """The models of a build, as they are named on the command line."""

    planner: tuple[str, ...] = (CORPUS,)
    """`corpus`, or `NAME[#REVISION][@BASE_URL]`; the same for the other roles."""
    responder: tuple[str, ...] = (CORPUS,)
    joint: tuple[str, ...] = ()
    """Empty: the responder's models."""
    judge: tuple[str, ...] = (CORPUS,)
    """Several are a panel; `reward:DIR` has a seat in it where the steps of traces are labelled."""
    reasoner: tuple[str, ...] = ()
    """Empty: the embedded one, where the release has reasoning traces."""
    stylist: tuple[str, ...] = ()
    """Empty: replies are not rewritten under personalities."""
    rewrite: bool = False
    """Whether the responder's first model rewrites flawed human replies."""
    tokens: Mapping[Role, TokenLimits] = field(default_factory=dict)
    """How many tokens replies may take in roles where that is not the spec's number."""

    def of(self, role: Role, spec: BuildSpec) -> tuple[str, ...]:
        """The models of a role in a release, as they were named."""
        named = {
            Role.PLANNER: self.planner,
            Role.RESPONDER: self.responder,
            Role.JOINT: self.joint or self.responder,
            Role.JUDGE: self.judge,
            Role.REWRITER: self.responder[:1] if self.rewrite else (),
            Role.REASONER: self.reasoner or ((CORPUS,) if spec.reasoner is not None else ()),
            Role.STYLIST: self.stylist,
        }
        return named[role]


@dataclass
class ModelPool:
    """The models of one command, for every role; nothing is sent before `open`."""

    options: CallOptions
    prices: Prices
    endpoints: Mapping[tuple[Role, ModelRef], Endpoint]
    """The models that are reached over HTTP."""
    corpus: "BaselineModels | None"
    """The embedded models, where any role has them."""
    models: Mapping[Role, tuple[ModelRef, ...]]
    """The models by role."""
    local: tuple[InProcessModel, ...] = ()
    """Models that are loaded into this process: reward models among the judges, checkpoints."""
    records: Mapping[Role, tuple[ModelRecord, ...]] = field(default_factory=dict)
    """What a build's manifest says of each."""
    meters: dict[str, Meter] = field(default_factory=dict)
    """Counters by model."""
    opened: float = 0.0
    """When the models were opened, by the monotonic clock."""

    def one(self, role: Role) -> ModelRef | None:
        """The first model of a role; None where no model has it."""
        return next(iter(self.models.get(role, ())), None)

    @asynccontextmanager
    async def open(
        self, records: Records, known: AnswerStore | None = None, ledger: Ledger | None = None
    ) -> AsyncIterator[Completers]:
        """One client per (role, model), recorded, limited and within the budget; batch roles get a queueing client.

        Args:
            records: what this build has asked so far; the budget goes by it.
            known: where answers are looked for and kept; the records alone where it is None.
            ledger: the build's batches; where it is None, everybody is asked live.
        """
        self.opened = self.opened or time.monotonic()
        known, budget = known or records, self.budget(records, ledger)
        limits = Limits(concurrency=self.options.concurrency, rpm=self.options.rpm, tpm=self.options.tpm)
        later: dict[tuple[Role, ModelRef], Completer] = {}
        if ledger is not None:
            later = self._deferring(known, ledger)
            budget.spent += sum(job.usd for job in ledger.open_jobs() if job.state is not JobState.TAKEN)
        async with self.reached(known, budget, limits, later=later) as completers:
            yield completers

    @asynccontextmanager
    async def reached(
        self,
        known: AnswerStore,
        budget: Budget,
        limits: Limits,
        attempt: Attempt | None = None,
        later: Completers = MappingProxyType({}),
    ) -> AsyncIterator[Completers]:
        """Everybody who answers, over a store, a budget and limits that are given.

        Args:
            known: where answers are looked for and kept.
            budget: the money of all of them.
            limits: of each endpoint.
            attempt: what is put around single attempts at a model, see `open_model`.
            later: makes the client that stands in for a model whose calls are queued.
        """
        from ._http import open_model  # brings aiohttp, and files are scored without it

        completers: dict[tuple[Role, ModelRef], Completer] = {**later}
        async with AsyncExitStack() as stack:
            for endpoint, shared in self._shared():
                if not (roles := [role for role in shared if (role, endpoint.ref) not in later]):
                    continue
                completer = await stack.enter_async_context(
                    open_model(
                        endpoint,
                        records=known,
                        limits=limits,
                        budget=budget,
                        meter=self.meter_of(endpoint.ref),
                        timeout_s=self.options.timeout_s,
                        attempt=None if attempt is None else partial(attempt, endpoint.ref),
                    )
                )
                completers |= {(role, endpoint.ref): completer for role in roles}
            yield {**completers, **self._embedded(known)}

    def snapshots(self) -> dict[str, Snapshot]:
        """The counters of every model as they are now."""
        return {name: meter.snapshot() for name, meter in self.meters.items()}

    def format_progress(self) -> str:
        """What the models did in this run so far, in a few words: calls a second, tokens, cost."""
        meters = self.meters.values()
        calls = sum(meter.answered for meter in meters)
        tokens = sum(meter.prompt_tokens + meter.completion_tokens for meter in meters)
        parts = [f"{calls / max(time.monotonic() - self.opened, 1e-3):.0f} calls/s", f"{tokens} tokens"]
        costs = [meter.price.of(meter) for meter in meters if meter.price is not None]
        return ", ".join([*parts, f"${sum(costs):.2f}"] if costs else parts)

    def budget(self, records: Records, ledger: Ledger | None = None) -> Budget:
        """The money as it stands: what all calls on record took, those in batches at the batch price."""
        spent = records.spent()
        usd = spent_usd(spent, self.prices) - self._saved_usd(ledger)
        return Budget(self.options.budget_usd, self.prices, usd, kept=sum(total.calls for total in spent))

    def meter_named(self, name: str) -> Meter:
        """Where the calls of a model in batches are counted."""
        refs = [ref for refs in self.models.values() for ref in refs if ref.name == name]
        return self.meter_of(refs[0] if refs else ModelRef(name=name))

    def cost_usd(self, records: Records, ledger: Ledger | None = None) -> float | None:
        """What everything in the records cost; None where a model has no price."""
        if any(self.prices.find(ref.name) is None for refs in self.models.values() for ref in refs):
            return None
        return round(self.budget(records, ledger).spent, 6)

    # What calls in batches took less than they would have taken one by one.
    def _saved_usd(self, ledger: Ledger | None) -> float:
        usages = [] if ledger is None else ledger.usage()
        priced = [(usage, price) for usage in usages if (price := self.prices.find(usage.model)) is not None]
        return sum(price.of(usage) - price.in_batch.of(usage) for usage, price in priced)

    # Who has requests wait, in every role that is asked in batches and reached over HTTP.
    def _deferring(self, known: AnswerStore, ledger: Ledger) -> dict[tuple[Role, ModelRef], Completer]:
        found: dict[tuple[Role, ModelRef], Completer] = {}
        for endpoint, roles in self._shared():
            queue = Queue(endpoint.base_url, endpoint.name, roles[0])
            price, tries = self.prices.find(endpoint.name), self.options.batch_limits.tries
            in_batch = None if price is None else price.in_batch
            dialect = known_dialect(ledger, queue, self.meter_of(endpoint.ref))
            deferring = QueueingClient(queue, known, ledger, dialect, tries, in_batch)
            found |= {(role, endpoint.ref): deferring for role in self.options.batch.intersection(roles)}
        return found

    # Each endpoint once, with the roles that it plays: they share its limits.
    def _shared(self) -> list[tuple[Endpoint, list[Role]]]:
        found: list[tuple[Endpoint, list[Role]]] = []
        for (role, _), endpoint in self.endpoints.items():
            same = next((roles for one, roles in found if one.same_as(endpoint)), None)
            if same is None:
                found.append((endpoint, [role]))
            else:
                same.append(role)
        return found

    # Who answers in this process, recorded.
    def _embedded(self, known: AnswerStore) -> Completers:
        inside: dict[ModelRef, Completer] = {model.ref: model.completer() for model in self.local}
        if self.corpus is not None:
            from .baseline._completer import BaselineCompleter

            inside[self.corpus.ref] = BaselineCompleter(self.corpus)
        recorded = {ref: Recording(completer, known, self.meter_of(ref)) for ref, completer in inside.items()}
        return {(role, ref): recorded[ref] for role, refs in self.models.items() for ref in refs if ref in recorded}

    def meter_of(self, ref: ModelRef) -> Meter:
        """Where the calls to a model are counted."""
        price = self.prices.find(ref.name)
        in_batch = any(ref in refs for role, refs in self.models.items() if role in self.options.batch)
        return self.meters.setdefault(str(ref), Meter(price.in_batch if price is not None and in_batch else price))


# Chooses the models of a build: who is named for which role, whether they are to be had, and what is known of them.


Stage = Callable[[str, int | None], None]


class SplitDialogues(Protocol):
    """The dialogues of a build by their splits: what the embedded models are fitted and measured on."""

    def of_split(self, split: Split) -> Iterable[Dialogue]:
        """The dialogues of one split that models may be fitted on."""
        ...

    def outside_training(self) -> Iterable[Dialogue]:
        """Every dialogue outside the train split."""
        ...


def resolve_models(options: ModelOptions, spec: BuildSpec, dialogues: SplitDialogues, stage: Stage) -> ModelPool:
    """The models that `options` name; the embedded models are fitted on the training dialogues.

    Raises:
        UsageError: a model is misspelt, named twice, has no key, or has no price while there is a budget.
    """
    prices = load_prices(options.prices)
    endpoints = endpoints_of(options, spec)
    for endpoint in endpoints.values():
        Budget(options.budget_usd, prices).price_of(endpoint.ref.name)
    named = _named(options, spec)
    rewards = _open_reward_models(named.get(Role.JUDGE, ()), spec)  # what may be misnamed comes before what takes long
    corpus = None
    if any(CORPUS in texts for texts in named.values()):
        stage("fitting the embedded models", None)
        corpus = fit_embedded(dialogues.of_split(Split.TRAIN))
    records = {
        role: tuple(
            ModelRecord(ref=rewards[text].ref, kind="reward", facts=dict(rewards[text].facts))
            if text in rewards
            else _record(text, role, corpus, dialogues)
            for text in texts
        )
        for role, texts in named.items()
    }
    models = {role: tuple(record.ref for record in found) for role, found in records.items()}
    return ModelPool(options, prices, endpoints, corpus, models, tuple(rewards.values()), records)


def endpoints_of(options: ModelOptions, spec: BuildSpec) -> dict[tuple[Role, ModelRef], Endpoint]:
    """The models that are reached over HTTP, with the keys of this process's environment.

    Raises:
        UsageError: a model is misspelt, named twice, or has no key.
    """
    endpoints: dict[tuple[Role, ModelRef], Endpoint] = {}
    named = _named(options, spec)
    if CORPUS in named.get(Role.REWRITER, ()):
        raise UsageError(
            "--repair-chosen: the embedded responder cannot rewrite; name another as the first --responder"
        )
    if CORPUS in named.get(Role.STYLIST, ()):
        raise UsageError("--stylist: the embedded models cannot rewrite; name another, or leave it out")
    for role, texts in named.items():
        for text in texts:
            if text == CORPUS or (role is Role.JUDGE and is_reward_model(text)):
                continue
            endpoint = resolve(parse_model(text), role)
            if endpoint.more_urls and role in options.batch:
                raise UsageError(f"{endpoint.ref} as {role}: batches go to one place; name one base URL")
            if (role, endpoint.ref) in endpoints:
                raise UsageError(f"{endpoint.ref} is named twice as {role}")
            endpoints[role, endpoint.ref] = endpoint
    return endpoints


def _named(options: ModelOptions, spec: BuildSpec) -> dict[Role, tuple[str, ...]]:
    return {role: models for role in Role if (models := options.of(role, spec))}


def fit_embedded(training: Iterable[Dialogue]) -> "BaselineModels":
    """The embedded models, fitted on training dialogues."""
    from .baseline.models import fit_baseline  # brings scikit-learn, slow to import

    return fit_baseline(training)


def _record(
    text: str,
    role: Role,
    corpus: "BaselineModels | None",
    dialogues: SplitDialogues,
) -> ModelRecord:
    if text != CORPUS:
        choice = parse_model(text)
        return ModelRecord(ref=choice.ref, kind="openai")
    assert corpus is not None, "a role that the corpus plays had it fitted"
    return ModelRecord(ref=corpus.ref, kind="corpus", facts=_facts(role, corpus, dialogues))


# What is measured of the embedded model of a role, for the card.
def _facts(role: Role, corpus: "BaselineModels", dialogues: SplitDialogues) -> dict[str, JsonValue]:
    from .baseline.models import evaluate_planner, known_agreement

    if role is Role.PLANNER:
        scores = evaluate_planner(corpus, dialogues.outside_training())
        return {"top strategy against the human's on held-out dialogues": scores.model_dump(mode="json")}
    if role is Role.JUDGE:
        return {"agreement with a published judge": known_agreement().model_dump(mode="json")}
    return {}
