"""Which models an evaluation asks: endpoints, the embedded models, and checkpoints that are loaded into its process."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from ...builders.models.budget import Budget, load_prices
from ...builders.models.client import Completer
from ...builders.models.endpoint import Endpoint, parse_model, resolve
from ...builders.models.pool import CORPUS, CallOptions, ModelPool, fit_embedded
from ...schemas.dialogue import Dialogue
from ...schemas.errors import UsageError
from ...schemas.inference import ModelRef, Role
from .checkpoint import Checkpoint, find_checkpoint, is_checkpoint


@dataclass(frozen=True)
class PlayerOptions(CallOptions):
    """The models of an evaluation, as they are named on the command line."""

    planner: str | None = None
    """`corpus`, a checkpoint's folder, or `NAME[#REVISION][@BASE_URL]`; the same for the other roles."""
    responder: str | None = None
    joint: str | None = None
    reasoner: str | None = None
    judges: tuple[str, ...] = ()
    reward_judges: tuple[str, ...] = ()
    """`reward:DIR`: reward models of our own recipes, which score the steps of traces."""

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


@dataclass
class LoadedCheckpoint:
    """A checkpoint as a model of this process; torch is imported, and the weights are read, when it is opened."""

    checkpoint: Checkpoint
    turn: asyncio.Lock
    """Held while a batch is answered: checkpoints that share a machine answer one after the other."""
    batch: int
    facts: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def ref(self) -> ModelRef:
        """The name of its recipe or folder, and a digest of its weights."""
        return self.checkpoint.ref

    def completer(self) -> Completer:
        """Loads the model."""
        from .loaded import load
        from .local import LocalModel

        return LocalModel(load(self.checkpoint), self.turn, self.batch)


def choose_players(options: PlayerOptions, training: Callable[[], Iterable[Dialogue]]) -> ModelPool:
    """The models that `options` name; the embedded models are fitted on the training dialogues.

    Raises:
        UsageError: a model is misspelt, named twice, has no key, or has no price while there is a budget; or a folder
            holds no checkpoint for its role.
    """
    prices, baseline = load_prices(options.prices), None
    endpoints: dict[tuple[Role, ModelRef], Endpoint] = {}
    models: dict[Role, tuple[ModelRef, ...]] = {}
    checkpoints: list[LoadedCheckpoint] = []
    turn = asyncio.Lock()
    for role, text in options.named():
        if text == CORPUS:
            baseline = baseline or fit_embedded(training())
            ref = baseline.ref
        elif is_checkpoint(text):
            checkpoints.append(LoadedCheckpoint(find_checkpoint(text, role), turn, options.concurrency))
            ref = checkpoints[-1].ref
        else:
            endpoint = resolve(parse_model(text), role)
            Budget(options.budget_usd, prices).price_of(endpoint.ref.name)
            endpoints[role, endpoint.ref] = endpoint
            ref = endpoint.ref
        if ref in models.get(role, ()):
            raise UsageError(f"{ref} is named twice as {role}")
        models[role] = (*models.get(role, ()), ref)
    return ModelPool(options, prices, endpoints, baseline, models, tuple(checkpoints))


def checkpoint_of(pool: ModelPool, ref: ModelRef) -> Checkpoint | None:
    """The checkpoint that a model of the pool was loaded from; None of other models."""
    found = (one.checkpoint for one in pool.local if isinstance(one, LoadedCheckpoint) and one.ref == ref)
    return next(found, None)


def format_calls(pool: ModelPool) -> str:
    """What the models did so far, in a few words: calls, answers from records, cost."""
    meters = pool.meters.values()
    asked, kept = sum(meter.answered for meter in meters), sum(meter.from_records for meter in meters)
    costs = [meter.price.of(meter) for meter in meters if meter.price is not None]
    parts = [f"{asked} calls", f"{kept} from records"] + ([f"${sum(costs):.2f}"] if costs else [])
    return ", ".join(parts)
