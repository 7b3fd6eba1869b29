"""The models of one command: which model has which role, and the clients that answer for each of them.

Builds and evaluations go through `open_pool`. What trains models lies above this layer, so a function of the caller
opens the models on disk; for the reward models of a build that is an entry point.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
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
from ...schemas.inference import BASELINE, REWARD, ModelRef, Role, TokenLimits
from ...schemas.manifest import ModelRecord
from ...schemas.spec import BuildSpec
from .batch.context import BatchLimits, known_dialect
from .batch.job import JobState, Queue
from .batch.ledger import Ledger, QueueingClient
from .budget import Budget, Meter, Prices, Snapshot, load_prices, spent_usd
from .client import AnswerStore, Completer, Completers
from .endpoint import Baseline, Endpoint, ModelChoice, ModelFolder, ModelWord, parse_word, resolve
from .limit import Limits
from .record import Recording, Records

if TYPE_CHECKING:
    from .baseline.models import BaselineModels

GROUP = "ipm_prefdial.scorers"
"""The group of entry points that open the reward models of a build; our own recipes bring `reward`."""


class InProcessModel(Protocol):
    """A model that is loaded into this process."""

    @property
    def ref(self) -> ModelRef:
        """Its name, and a digest of its weights or of its training as the revision."""
        ...

    @property
    def facts(self) -> Mapping[str, JsonValue]:
        """Measurements of the model, for the card."""
        ...

    def completer(self, turn: asyncio.Lock) -> Completer:
        """A completer for the running event loop.

        Args:
            turn: held while a batch is answered: models that share a machine answer one after the other.
        """
        ...


Attempt = Callable[[ModelRef, Completer], Completer]
"""Wraps every single attempt at a model."""

Words = Sequence[tuple[Role, ModelWord]]
"""The models of a command, in the order in which they were named for each role."""


@dataclass(frozen=True)
class CallOptions:
    """Options of a command's model calls: speed, cost and batches."""

    concurrency: int = 32
    """Calls in flight at once, per model; of a checkpoint also the most that are answered in one batch."""
    rpm: int | None = None
    """Requests a minute, per model."""
    tpm: int | None = None
    """Tokens a minute, per model."""
    timeout_s: float = 120.0
    """Seconds that one call may take."""
    budget_usd: float | None = None
    """The most that all calls may cost, including earlier runs of the same command."""
    prices: Path | None = None
    """A price table over the built-in one."""
    batch: frozenset[Role] = frozenset()
    """Roles that go through the provider's Batch API, as far as they are reached over HTTP."""
    batch_limits: BatchLimits = field(default_factory=BatchLimits)
    """The limits of batches, and the patience with them."""


@dataclass(frozen=True)
class ModelOptions(CallOptions):
    """The models of a build, as they are named on the command line."""

    planner: tuple[str, ...] = (BASELINE,)
    """`corpus`, or `NAME[#REVISION][@BASE_URL]`; the same for the other roles."""
    responder: tuple[str, ...] = (BASELINE,)
    joint: tuple[str, ...] = ()
    """Empty: the responder's models."""
    judge: tuple[str, ...] = (BASELINE,)
    """Several are a panel; `reward:DIR` is a judge of the steps of traces alone."""
    reasoner: tuple[str, ...] = ()
    """Empty: the embedded one, where the release has reasoning traces."""
    stylist: tuple[str, ...] = ()
    """Empty: replies are not rewritten under personalities."""
    rewrite: bool = False
    """Whether the responder's first model rewrites flawed human replies."""
    tokens: Mapping[Role, TokenLimits] = field(default_factory=dict)
    """Token limits that replace the spec's, by role."""

    def of(self, role: Role, spec: BuildSpec) -> tuple[str, ...]:
        """The models of a role in a release, as they were named."""
        named = {
            Role.PLANNER: self.planner,
            Role.RESPONDER: self.responder,
            Role.JOINT: self.joint or self.responder,
            Role.JUDGE: self.judge,
            Role.REWRITER: self.responder[:1] if self.rewrite else (),
            Role.REASONER: self.reasoner or ((BASELINE,) if spec.reasoner is not None else ()),
            Role.STYLIST: self.stylist,
        }
        return named[role]

    def words(self, spec: BuildSpec) -> Words:
        """The models of every role in a release.

        Raises:
            UsageError: a model is misspelt, or the baseline is named for a role that rewrites replies.
        """
        words = [(role, parse_word(text)) for role in Role for text in self.of(role, spec)]
        if (Role.REWRITER, Baseline()) in words:
            raise UsageError(
                "--repair-chosen: the embedded responder cannot rewrite; name another as the first --responder"
            )
        if (Role.STYLIST, Baseline()) in words:
            raise UsageError("--stylist: the embedded models cannot rewrite; name another, or leave it out")
        return words


@dataclass
class ModelPool:
    """The models of one command, for every role; nothing is sent before `open`."""

    options: CallOptions
    prices: Prices
    endpoints: Mapping[tuple[Role, ModelRef], Endpoint]
    """The models that are reached over HTTP."""
    baseline: "BaselineModels | None"
    """The baseline, if any role has it."""
    models: Mapping[Role, tuple[ModelRef, ...]]
    """The models by role."""
    local: Mapping[ModelRef, InProcessModel] = field(default_factory=dict)
    """Models that are loaded into this process: reward models among the judges, checkpoints."""
    records: Mapping[Role, tuple[ModelRecord, ...]] = field(default_factory=dict)
    """The manifest's record of each model."""
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
            records: the answers so far, from which the money spent is computed.
            known: the store that answers are looked up in and written to; None uses the records.
            ledger: the build's batches; None calls every model live.
        """
        self.opened = self.opened or time.monotonic()
        known, budget = known or records, self.budget(records, ledger)
        limits = Limits(concurrency=self.options.concurrency, rpm=self.options.rpm, tpm=self.options.tpm)
        later: dict[tuple[Role, ModelRef], Completer] = {}
        if ledger is not None:
            later = self._queueing(known, ledger)
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
        """As `open`, with a store, a budget and limits of the caller's.

        Args:
            known: the store that answers are looked up in and written to.
            budget: shared by all models.
            limits: of each endpoint.
            attempt: wraps single attempts at a model, see `open_model`.
            later: the clients of models whose calls are queued; these models are not opened.
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
            yield {**completers, **self._in_process(known)}

    def snapshots(self) -> dict[str, Snapshot]:
        """The counters of every model as they are now."""
        return {name: meter.snapshot() for name, meter in self.meters.items()}

    def format_progress(self) -> str:
        """The calls a second, tokens and cost of this run so far."""
        meters = self.meters.values()
        calls = sum(meter.answered for meter in meters)
        tokens = sum(meter.prompt_tokens + meter.completion_tokens for meter in meters)
        parts = [f"{calls / max(time.monotonic() - self.opened, 1e-3):.0f} calls/s", f"{tokens} tokens"]
        costs = [meter.price.of(meter) for meter in meters if meter.price is not None]
        return ", ".join([*parts, f"${sum(costs):.2f}"] if costs else parts)

    def budget(self, records: Records, ledger: Ledger | None = None) -> Budget:
        """The budget less the cost of all recorded calls, those in batches at the batch price."""
        spent = records.spent()
        usd = spent_usd(spent, self.prices) - self._saved_usd(ledger)
        return Budget(self.options.budget_usd, self.prices, usd, kept=sum(total.calls for total in spent))

    def meter_named(self, name: str) -> Meter:
        """The counters of a model by its name alone, as a batch knows it."""
        refs = [ref for refs in self.models.values() for ref in refs if ref.name == name]
        return self.meter_of(refs[0] if refs else ModelRef(name=name))

    def cost_usd(self, records: Records, ledger: Ledger | None = None) -> float | None:
        """USD for all recorded calls; None if a model has no price."""
        if any(self.prices.find(ref.name) is None for refs in self.models.values() for ref in refs):
            return None
        return round(self.budget(records, ledger).spent, 6)

    # How much less the calls in batches cost than they would have cost one by one.
    def _saved_usd(self, ledger: Ledger | None) -> float:
        usages = [] if ledger is None else ledger.usage()
        priced = [(usage, price) for usage in usages if (price := self.prices.find(usage.model)) is not None]
        return sum(price.of(usage) - price.in_batch.of(usage) for usage, price in priced)

    # A queueing client for each batch role that is reached over HTTP.
    def _queueing(self, known: AnswerStore, ledger: Ledger) -> dict[tuple[Role, ModelRef], Completer]:
        found: dict[tuple[Role, ModelRef], Completer] = {}
        for endpoint, roles in self._shared():
            queue = Queue(endpoint.base_url, endpoint.name, roles[0])
            price, tries = self.prices.find(endpoint.name), self.options.batch_limits.tries
            in_batch = None if price is None else price.in_batch
            dialect = known_dialect(ledger, queue, self.meter_of(endpoint.ref))
            client = QueueingClient(queue, known, ledger, dialect, tries, in_batch)
            found |= {(role, endpoint.ref): client for role in self.options.batch.intersection(roles)}
        return found

    # Each endpoint once, with its roles: they share its limits.
    def _shared(self) -> list[tuple[Endpoint, list[Role]]]:
        found: list[tuple[Endpoint, list[Role]]] = []
        for (role, _), endpoint in self.endpoints.items():
            same = next((roles for one, roles in found if one.same_as(endpoint)), None)
            if same is None:
                found.append((endpoint, [role]))
            else:
                same.append(role)
        return found

    # The models of this process, recorded.
    def _in_process(self, known: AnswerStore) -> Completers:
        # A lock belongs to one event loop, and every `open` may be in another.
        turn = asyncio.Lock()
        inside: dict[ModelRef, Completer] = {ref: model.completer(turn) for ref, model in self.local.items()}
        if self.baseline is not None:
            from .baseline._completer import BaselineCompleter

            inside[self.baseline.ref] = BaselineCompleter(self.baseline)
        recorded = {ref: Recording(completer, known, self.meter_of(ref)) for ref, completer in inside.items()}
        return {(role, ref): recorded[ref] for role, refs in self.models.items() for ref in refs if ref in recorded}

    def meter_of(self, ref: ModelRef) -> Meter:
        """The counters of a model."""
        price = self.prices.find(ref.name)
        in_batch = any(ref in refs for role, refs in self.models.items() if role in self.options.batch)
        return self.meters.setdefault(str(ref), Meter(price.in_batch if price is not None and in_batch else price))


def resolve_endpoints(options: CallOptions, words: Words) -> dict[tuple[Role, ModelRef], Endpoint]:
    """The models that are reached over HTTP, with the keys of this process's environment.

    Raises:
        UsageError: a model has no key, or several base URLs in a role that uses batches.
    """
    endpoints: dict[tuple[Role, ModelRef], Endpoint] = {}
    for role, word in words:
        if isinstance(word, ModelChoice):
            endpoint = resolve(word, role)
            if endpoint.more_urls and role in options.batch:
                raise UsageError(f"{endpoint.ref} as {role}: batches go to one place; name one base URL")
            endpoints[role, endpoint.ref] = endpoint
    return endpoints


def open_pool(
    options: CallOptions,
    words: Words,
    training: Callable[[], Iterable[Dialogue]],
    open_folder: Callable[[Role, ModelFolder], InProcessModel],
) -> ModelPool:
    """The pool of the models that are named.

    Args:
        options: how fast, and for how much, they are called.
        words: the models.
        training: gives the dialogues that the baseline is fitted on; called where a role names it.
        open_folder: opens a model on disk.

    Raises:
        UsageError: a model is named twice for a role, has no key, has no price while there is a budget, or is a reward
            model in a role other than the judge's.
    """
    prices, endpoints = load_prices(options.prices), resolve_endpoints(options, words)
    for endpoint in endpoints.values():
        Budget(options.budget_usd, prices).price_of(endpoint.ref.name)
    local: dict[ModelRef, InProcessModel] = {}
    named: list[tuple[Role, ModelRef]] = []
    for role, word in words:
        if not isinstance(word, ModelFolder):
            named.append((role, word.ref))
            continue
        if word.is_reward and role is not Role.JUDGE:
            raise UsageError(f"{REWARD}{word.path} as {role}: a reward model only labels steps; name it as a --judge")
        model = open_folder(role, word)
        local[model.ref] = model
        named.append((role, model.ref))
    for (role, ref), count in Counter(named).items():
        if count > 1:
            raise UsageError(f"{ref} is named twice as {role}")
    # Fitting takes longest, so every name is checked before it.
    baseline = _fit(training()) if any(isinstance(word, Baseline) for _, word in words) else None
    models: dict[Role, tuple[ModelRef, ...]] = {}
    for (role, ref), (_, word) in zip(named, words, strict=True):
        ref = baseline.ref if baseline is not None and isinstance(word, Baseline) else ref
        models[role] = (*models.get(role, ()), ref)
    return ModelPool(options, prices, endpoints, baseline, models, local)


def _fit(training: Iterable[Dialogue]) -> "BaselineModels":
    from .baseline.models import fit_baseline  # brings scikit-learn, slow to import

    return fit_baseline(training)


class SplitDialogues(Protocol):
    """The dialogues of a build by their splits: the baseline is fitted and measured on them."""

    def of_split(self, split: Split) -> Iterable[Dialogue]:
        """The dialogues of one split that models may be fitted on."""
        ...

    def outside_training(self) -> Iterable[Dialogue]:
        """Every dialogue outside the train split."""
        ...


def resolve_models(
    options: ModelOptions, spec: BuildSpec, dialogues: SplitDialogues, stage: Callable[[str, int | None], None]
) -> ModelPool:
    """The pool of a build, with a record of every model for the manifest.

    Raises:
        UsageError: a model is misspelt, or `open_pool` refuses it.
    """

    def training() -> Iterable[Dialogue]:
        stage("fitting the embedded models", None)
        return dialogues.of_split(Split.TRAIN)

    pool = open_pool(options, options.words(spec), training, partial(_open_reward_model, spec))
    pool.records = {
        role: tuple(_record(pool, role, ref, dialogues) for ref in refs) for role, refs in pool.models.items()
    }
    return pool


def _open_reward_model(spec: BuildSpec, role: Role, word: ModelFolder) -> InProcessModel:
    named = f"{REWARD}{word.path}"
    if spec.reasoning is None:
        raise UsageError(f"--{role} {named}: release {spec.version} has no reasoning traces, which it would label")
    found = {entry.name: entry for entry in entry_points(group=GROUP)}.get(REWARD.removesuffix(":"))
    if found is None:
        raise UsageError(f"--{role} {named}: this installation has no reward models; install ipm-prefdial anew")
    model: InProcessModel = found.load()(named, spec)
    return model


# A model for the manifest, with what is measured of it.
def _record(pool: ModelPool, role: Role, ref: ModelRef, dialogues: SplitDialogues) -> ModelRecord:
    if ref in pool.local:
        return ModelRecord(ref=ref, kind="reward", facts=dict(pool.local[ref].facts))
    if pool.baseline is None or ref != pool.baseline.ref:
        return ModelRecord(ref=ref, kind="openai")
    from .baseline.models import evaluate_planner, known_agreement

    facts: dict[str, JsonValue] = {}
    if role is Role.PLANNER:
        scores = evaluate_planner(pool.baseline, dialogues.outside_training())
        facts = {"top strategy against the human's on held-out dialogues": scores.model_dump(mode="json")}
    elif role is Role.JUDGE:
        facts = {"agreement with a published judge": known_agreement().model_dump(mode="json")}
    return ModelRecord(ref=ref, kind="corpus", facts=facts)
