"""Which model plays which role in a build, and how the players are reached."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..schemas.dialogue import Split
from ..schemas.errors import UsageError
from ..schemas.inference import ModelRef, Role
from ..schemas.manifest import ModelRecord
from ..schemas.spec import BuildSpec
from .answers import Completers
from .inference.budget import Budget, spent_usd
from .inference.client import Completer, Store
from .inference.endpoint import Endpoint, parse_model, resolve
from .inference.limit import Limits
from .inference.meter import Meter, Snapshot
from .inference.prices import Prices, load_prices
from .inference.record import Records
from .inference.recording import Recording
from .inference.stack import open_model
from .intake import Intake

if TYPE_CHECKING:
    from .inference.corpus.models import CorpusModels

CORPUS = "corpus"
"""What the embedded models are called, in commands and in rows."""

Stage = Callable[[str, int | None], None]
Attempt = Callable[[ModelRef, Completer], Completer]
"""Puts something around every single attempt at a model."""


@dataclass(frozen=True)
class CastOptions:
    """Which models a build asks, and how fast."""

    planner: tuple[str, ...] = (CORPUS,)
    """`corpus`, or `NAME[#REVISION][@BASE_URL]`; the same for the other roles."""
    responder: tuple[str, ...] = (CORPUS,)
    joint: tuple[str, ...] = ()
    """The responder's models where none are named."""
    judge: tuple[str, ...] = (CORPUS,)
    """Several are a panel."""
    reasoner: tuple[str, ...] = ()
    """The embedded one where none are named and the release has reasoning traces."""
    stylist: tuple[str, ...] = ()
    """Nobody where none are named: replies are then not rewritten under personalities."""
    rewrite: bool = False
    """Whether the responder's first model rewrites flawed human replies."""
    concurrency: int = 32
    """Calls in flight at once, per model."""
    rpm: int | None = None
    """Requests a minute, per model."""
    tpm: int | None = None
    """Tokens a minute, per model."""
    timeout_s: float = 120.0
    """Seconds that one call may take."""
    budget_usd: float | None = None
    """What all calls together may cost, earlier runs of the same build included."""
    prices: Path | None = None
    """A price table over the built-in one."""

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
class Cast:
    """The models of one build; nothing is sent before `open`."""

    options: CastOptions
    prices: Prices
    endpoints: Mapping[tuple[Role, ModelRef], Endpoint]
    """The models that are reached over HTTP."""
    corpus: "CorpusModels | None"
    """The embedded models, where any role has them."""
    records: Mapping[Role, tuple[ModelRecord, ...]]
    """What the manifest says of each."""
    meters: dict[str, Meter] = field(default_factory=dict)
    """Counters by model."""
    opened: float = 0.0
    """When the models were opened, by the monotonic clock."""

    @property
    def models(self) -> dict[Role, tuple[ModelRef, ...]]:
        """The models by role."""
        return {role: tuple(record.ref for record in records) for role, records in self.records.items()}

    @asynccontextmanager
    async def open(self, records: Records, known: Store | None = None) -> AsyncIterator[Completers]:
        """Everybody who answers, recorded, limited and within the budget.

        Args:
            records: what this build has asked so far; the budget goes by it.
            known: where answers are looked for and kept; the records alone where it is None.
        """
        self.opened = time.monotonic()
        spent, known = records.spent(), known or records
        budget = Budget(
            self.options.budget_usd,
            self.prices,
            spent_usd(spent, self.prices),
            kept=sum(total.calls for total in spent),
        )
        limits = Limits(concurrency=self.options.concurrency, rpm=self.options.rpm, tpm=self.options.tpm)
        async with self.reached(known, budget, limits) as completers:
            yield completers

    @asynccontextmanager
    async def reached(
        self, known: Store, budget: Budget, limits: Limits, attempt: Attempt | None = None
    ) -> AsyncIterator[Completers]:
        """Everybody who answers, over a store, a budget and limits that are given.

        Args:
            known: where answers are looked for and kept.
            budget: the money of all of them.
            limits: of each endpoint.
            attempt: what is put around single attempts at a model, see `open_model`.
        """
        completers: dict[tuple[Role, ModelRef], Completer] = {}
        async with AsyncExitStack() as stack:
            for endpoint, roles in self._shared():
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

    def told(self) -> str:
        """What the models did in this run so far, in a few words: calls a second, tokens, cost."""
        meters = self.meters.values()
        calls = sum(meter.answered for meter in meters)
        tokens = sum(meter.prompt_tokens + meter.completion_tokens for meter in meters)
        parts = [f"{calls / max(time.monotonic() - self.opened, 1e-3):.0f} calls/s", f"{tokens} tokens"]
        costs = [meter.price.of(meter) for meter in meters if meter.price is not None]
        return ", ".join([*parts, f"${sum(costs):.2f}"] if costs else parts)

    def cost_usd(self, records: Records) -> float | None:
        """What everything in the records cost; None where a model of the cast has no price."""
        if any(self.prices.find(ref.name) is None for refs in self.models.values() for ref in refs):
            return None
        return round(spent_usd(records.spent(), self.prices), 6)

    def _shared(self) -> list[tuple[Endpoint, list[Role]]]:
        """Each endpoint once, with the roles that it plays: they share its limits."""
        found: list[tuple[Endpoint, list[Role]]] = []
        for (role, _), endpoint in self.endpoints.items():
            same = next((roles for one, roles in found if one.same_as(endpoint)), None)
            if same is None:
                found.append((endpoint, [role]))
            else:
                same.append(role)
        return found

    def _embedded(self, known: Store) -> Completers:
        if self.corpus is None:
            return {}
        from .inference.corpus.completer import CorpusCompleter

        ref = self.corpus.ref
        completer = Recording(CorpusCompleter(self.corpus), known, self.meter_of(ref))
        return {(role, ref): completer for role, refs in self.models.items() if ref in refs}

    def meter_of(self, ref: ModelRef) -> Meter:
        """Where the calls to a model are counted."""
        return self.meters.setdefault(str(ref), Meter(self.prices.find(ref.name)))


def choose_cast(options: CastOptions, spec: BuildSpec, intake: Intake, stage: Stage) -> Cast:
    """The cast that `options` name; the embedded models are fitted on the training dialogues.

    Raises:
        UsageError: a model is misspelt, named twice, has no key, or has no price while there is a budget.
    """
    prices = load_prices(options.prices)
    endpoints = endpoints_of(options, spec)
    for endpoint in endpoints.values():
        Budget(options.budget_usd, prices).price_of(endpoint.ref.name)
    named = _named(options, spec)
    corpus = None
    if any(CORPUS in texts for texts in named.values()):
        stage("fitting the embedded models", None)
        corpus = _fit(intake)
    records = {role: tuple(_record(text, role, endpoints, corpus, intake) for text in named[role]) for role in named}
    return Cast(options, prices, endpoints, corpus, records)


def endpoints_of(options: CastOptions, spec: BuildSpec) -> dict[tuple[Role, ModelRef], Endpoint]:
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
            if text == CORPUS:
                continue
            endpoint = resolve(parse_model(text), role)
            if (role, endpoint.ref) in endpoints:
                raise UsageError(f"{endpoint.ref} is named twice as {role}")
            endpoints[role, endpoint.ref] = endpoint
    return endpoints


def _named(options: CastOptions, spec: BuildSpec) -> dict[Role, tuple[str, ...]]:
    return {role: models for role in Role if (models := options.of(role, spec))}


def _fit(intake: Intake) -> "CorpusModels":
    from .inference.corpus.models import fit_corpus  # brings scikit-learn, slow to import

    return fit_corpus(intake.of_split(Split.TRAIN))


def _record(
    text: str,
    role: Role,
    endpoints: Mapping[tuple[Role, ModelRef], Endpoint],
    corpus: "CorpusModels | None",
    intake: Intake,
) -> ModelRecord:
    if text != CORPUS:
        choice = parse_model(text)
        return ModelRecord(ref=choice.ref, kind="openai")
    assert corpus is not None, "a role that the corpus plays had it fitted"
    return ModelRecord(ref=corpus.ref, kind="corpus", facts=_facts(role, corpus, intake))


def _facts(role: Role, corpus: "CorpusModels", intake: Intake) -> dict[str, JsonValue]:
    """What is measured of the embedded model of a role, for the card."""
    from .inference.corpus.agreement import known_agreement
    from .inference.corpus.scores import evaluate_planner

    if role is Role.PLANNER:
        scores = evaluate_planner(corpus, (placed.dialogue for placed in intake if placed.split is not Split.TRAIN))
        return {"top strategy against the human's on held-out dialogues": scores.model_dump(mode="json")}
    if role is Role.JUDGE:
        return {"agreement with a published judge": known_agreement().model_dump(mode="json")}
    return {}
