"""Which model plays which role in an evaluation, and how the players are reached: by the engine that builds use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...builders.models.budget import Budget, Prices, load_prices, spent_usd
from ...builders.models.client import Completer
from ...builders.models.endpoint import Endpoint, parse_model, resolve
from ...builders.models.limit import Limits
from ...builders.models.meter import Meter
from ...builders.models.record import Recording, Records
from ...schemas.dialogue import Dialogue
from ...schemas.errors import UsageError
from ...schemas.inference import ModelRef, Role
from .checkpoint import Checkpoint, find_checkpoint, is_checkpoint

if TYPE_CHECKING:
    from ...builders.models.baseline.models import BaselineModels

CORPUS = "corpus"
"""What the embedded models are called."""

Completers = Mapping[tuple[Role, ModelRef], Completer]
"""Who answers for each model in each role."""


@dataclass(frozen=True)
class PlayerOptions:
    """Which models an evaluation asks, and how fast."""

    planner: str | None = None
    """`corpus`, a checkpoint's folder, or `NAME[#REVISION][@BASE_URL]`; the same for the other roles."""
    responder: str | None = None
    joint: str | None = None
    reasoner: str | None = None
    judges: tuple[str, ...] = ()
    reward_judges: tuple[str, ...] = ()
    """`reward:DIR`: reward models of our own recipes, which score the steps of traces."""
    concurrency: int = 32
    """Calls in flight at once, per model; of a checkpoint also the most that are answered in one batch."""
    rpm: int | None = None
    """Requests a minute, per model."""
    tpm: int | None = None
    """Tokens a minute, per model."""
    timeout_s: float = 120.0
    """Seconds that one call may take."""
    budget_usd: float | None = None
    """What all calls together may cost, earlier runs of the same evaluation included."""
    prices: Path | None = None
    """A price table over the built-in one."""

    @property
    def speaks(self) -> bool:
        """Whether a system is to be asked, and not judges alone."""
        return bool(self.planner or self.responder or self.joint or self.reasoner)

    def named(self) -> list[tuple[Role, str]]:
        """The models by role, as they were named.

        Raises:
            UsageError: there is a responder and no planner to name its strategies.
        """
        if self.responder and not self.planner:
            raise UsageError("a responder writes under the planner's strategy: name a --planner, too")
        single = (
            (Role.PLANNER, self.planner),
            (Role.RESPONDER, self.responder),
            (Role.JOINT, self.joint),
            (Role.REASONER, self.reasoner),
        )
        return [(role, text) for role, text in single if text] + [(Role.JUDGE, text) for text in self.judges]


@dataclass(frozen=True)
class Players:
    """The models of one evaluation; nothing is sent before `open`."""

    options: PlayerOptions
    prices: Prices
    endpoints: Mapping[tuple[Role, ModelRef], Endpoint]
    """The models that are reached over HTTP."""
    corpus: "BaselineModels | None"
    """The embedded models, where any role has them."""
    refs: Mapping[Role, tuple[ModelRef, ...]]
    """Every role that is played."""
    checkpoints: Mapping[tuple[Role, ModelRef], Checkpoint] = field(default_factory=dict)
    """The models that are loaded into this process."""
    meters: dict[str, Meter] = field(default_factory=dict)
    """Counters by model."""

    def one(self, role: Role) -> ModelRef | None:
        """The model of a role; None where nobody plays it."""
        return next(iter(self.refs.get(role, ())), None)

    @asynccontextmanager
    async def open(self, records: Records) -> AsyncIterator[Completers]:
        """Everybody who answers, recorded, limited and within the budget; an endpoint's roles share its limits."""
        from ...builders.models.stack import open_model  # brings aiohttp, and files are scored without it

        spent = records.spent()
        kept = sum(total.calls for total in spent)
        budget = Budget(self.options.budget_usd, self.prices, spent_usd(spent, self.prices), kept=kept)
        limits = Limits(concurrency=self.options.concurrency, rpm=self.options.rpm, tpm=self.options.tpm)
        completers: dict[tuple[Role, ModelRef], Completer] = {}
        async with AsyncExitStack() as stack:
            opened: list[tuple[Endpoint, Completer]] = []
            for key, endpoint in self.endpoints.items():
                shared = next((completer for other, completer in opened if other.same_as(endpoint)), None)
                if shared is None:
                    model = open_model(
                        endpoint,
                        records=records,
                        limits=limits,
                        budget=budget,
                        meter=self._meter(endpoint.ref),
                        timeout_s=self.options.timeout_s,
                    )
                    shared = await stack.enter_async_context(model)
                    opened.append((endpoint, shared))
                completers[key] = shared
            yield completers | self._embedded(records) | self._loaded(records)

    def told(self) -> str:
        """What the models did so far, in a few words."""
        meters = self.meters.values()
        asked, kept = sum(meter.answered for meter in meters), sum(meter.from_records for meter in meters)
        costs = [meter.price.of(meter) for meter in meters if meter.price is not None]
        parts = [f"{asked} calls", f"{kept} from records"] + ([f"${sum(costs):.2f}"] if costs else [])
        return ", ".join(parts)

    def _embedded(self, records: Records) -> dict[tuple[Role, ModelRef], Completer]:
        if self.corpus is None:
            return {}
        from ...builders.models.baseline.completer import BaselineCompleter

        ref = self.corpus.ref
        completer = Recording(BaselineCompleter(self.corpus), records, self._meter(ref))
        return {(role, ref): completer for role, refs in self.refs.items() if ref in refs}

    def _loaded(self, records: Records) -> dict[tuple[Role, ModelRef], Completer]:
        if not self.checkpoints:
            return {}
        from .loaded import load  # brings nothing by itself, and torch when it loads
        from .local import LocalModel

        turn = asyncio.Lock()
        return {
            (role, ref): Recording(
                LocalModel(load(checkpoint), turn, self.options.concurrency), records, self._meter(ref)
            )
            for (role, ref), checkpoint in self.checkpoints.items()
        }

    def _meter(self, ref: ModelRef) -> Meter:
        return self.meters.setdefault(str(ref), Meter(self.prices.find(ref.name)))


def choose_players(options: PlayerOptions, training: Callable[[], Iterable[Dialogue]]) -> Players:
    """The players that `options` name; the embedded models are fitted on the training dialogues.

    Raises:
        UsageError: a model is misspelt, named twice, has no key, or has no price while there is a budget; or a folder
            holds no checkpoint for its role.
    """
    prices = load_prices(options.prices)
    endpoints: dict[tuple[Role, ModelRef], Endpoint] = {}
    refs: dict[Role, tuple[ModelRef, ...]] = {}
    checkpoints: dict[tuple[Role, ModelRef], Checkpoint] = {}
    corpus: BaselineModels | None = None
    for role, text in options.named():
        if text == CORPUS:
            corpus = corpus or _fit(training())
            ref = corpus.ref
        elif is_checkpoint(text):
            checkpoint = find_checkpoint(text, role)
            ref = checkpoint.ref
            checkpoints[role, ref] = checkpoint
        else:
            endpoint = resolve(parse_model(text), role)
            Budget(options.budget_usd, prices).price_of(endpoint.ref.name)
            endpoints[role, endpoint.ref] = endpoint
            ref = endpoint.ref
        if ref in refs.get(role, ()):
            raise UsageError(f"{ref} is named twice as {role}")
        refs[role] = (*refs.get(role, ()), ref)
    return Players(options, prices, endpoints, corpus, refs, checkpoints)


def _fit(training: Iterable[Dialogue]) -> "BaselineModels":
    from ...builders.models.baseline.models import fit_baseline  # brings scikit-learn, slow to import

    return fit_baseline(training)
