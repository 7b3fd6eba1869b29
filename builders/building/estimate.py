"""`--dry-run`: how many calls, tokens and dollars a build would take, without a model call."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

from ...prompts.parsers.strategy import read_strategy
from ...schemas.base import Frozen
from ...schemas.config import PAIR_CONFIGS
from ...schemas.dialogue import Speaker
from ...schemas.error_type import ErrorType
from ...schemas.inference import Completion, Outcome, Request, Role, Task
from ...schemas.strategy import Strategy
from ...schemas.trace import Step
from ..mining.mine import mine_pairs
from ..mining.screen import screen
from ..mining.steps import steps_of
from ..mining.turns import SupporterTurn, supporter_turns
from ..models.batch.ledger import Ledger
from ..models.budget import Price, estimate_prompt_tokens
from ..models.record import Records
from ..reasoning.reason import reason
from ..runtime.progress import NoProgress
from ._assemble import DigestSet
from .conversations import Conversation
from .reuse import KnownAnswers, open_earlier
from .run import BuildOptions, Prepared, open_sources, prepare
from .workspace import Workspace

T = TypeVar("T")


class RoleEstimate(Frozen):
    """The calls of one model in one role."""

    role: Role
    model: str
    calls: int
    """Different calls; for a judge an upper bound."""
    recorded: int
    """Calls that an earlier run of the same build has recorded or has in a batch."""
    reused: dict[str, int]
    """Calls that an earlier release answers, by the place that `--reuse` names."""
    new: int
    """The rest: the calls that the build would make."""
    prompt_tokens: int
    """Estimated prompt tokens of the new calls: a quarter of the characters."""
    completion_tokens: int
    """An upper bound of the completion tokens of the new calls."""
    cost_usd: float | None
    """An upper bound for live calls; None if the model has no price."""
    batch_usd: float | None
    """An upper bound for batches; None if the model has no price."""

    def costs(self) -> tuple[str, str]:
        told = ["no price" if usd is None else f"{usd:.2f}" for usd in (self.cost_usd, self.batch_usd)]
        return told[0], told[1]


class Estimate(Frozen):
    dialogues: int
    turns: int
    """Supporter turns that follow a seeker turn."""
    roles: tuple[RoleEstimate, ...]


def estimate(options: BuildOptions) -> Estimate:
    """Goes through every turn as a build does, with guesses for the answers, and adds up the calls.

    Raises:
        UsageError: as for a build before its first call.
    """
    workspace = Workspace(options.out)
    with tempfile.TemporaryDirectory(prefix="ipm-prefdial-estimate-") as folder:
        prepared = prepare(options, open_sources(options), Path(folder) / "dialogues.jsonl", NoProgress())
        with (
            _if_there(Records, workspace.records) as records,
            _if_there(Ledger, workspace.batches) as ledger,
            open_earlier(options.reuse) as earlier,
        ):
            return _add_up(prepared, KnownAnswers(records, earlier), ledger)


# What an earlier run has left; None if there was none.
def _if_there(opened: Callable[[Path], AbstractContextManager[T]], path: Path) -> AbstractContextManager[T | None]:
    return opened(path) if path.is_file() else nullcontext()


def _add_up(prepared: Prepared, known: KnownAnswers, ledger: Ledger | None) -> Estimate:
    sums: dict[tuple[Role, str], Counter[str]] = {}
    seen, turns, steps = DigestSet(), 0, steps_of(prepared.plan.spec)
    for placed in prepared.ingested:
        guesses = _Guesses(prepared.plan.spec.errors, known)
        placed = guesses.talk(screen(placed, prepared.plan), None)
        for turn in supporter_turns(placed):
            turns += turn.answers_seeker
            for config in PAIR_CONFIGS:
                guesses.talk(mine_pairs(turn, config, prepared.plan, steps.of_turns), turn)
            guesses.talk(reason(turn, prepared.plan, steps.of_turns), turn)
        for request in guesses.asked:
            if seen.add(request.key):
                _count(sums.setdefault((request.ask.role, str(request.model)), Counter()), request, known, ledger)
    seen.close()
    dialogues = sum(source.dialogues for source in prepared.ingested.sources)
    places = known.earlier.places if known.earlier is not None else ()
    return Estimate(dialogues=dialogues, turns=turns, roles=_roles(prepared, sums, places))


class _Guesses:
    """Notes the requests, and answers them so that as many requests as possible follow.

    Known answers are used. A guessed reply is as long as the human's and differs from all others; each is judged to
    have an error of its own, so that the human's reply would be rewritten for each.
    """

    def __init__(self, errors: Sequence[ErrorType], known: KnownAnswers) -> None:
        self.asked: list[Request] = []
        self._errors = errors
        self._known = known
        self._pairs: dict[frozenset[str | None], int] = {}

    def talk(self, conversation: Conversation[T], turn: SupporterTurn | None) -> T:
        """The result of a conversation about a turn, or about a whole dialogue if `turn` is None."""
        try:
            requests = next(conversation)
            while True:
                known = [self._known.find(request.key) for request in requests]
                named = [read_strategy(one.text) for one in known if isinstance(one, Completion)]
                outcomes = zip(requests, known, strict=True)
                requests = conversation.send(tuple(self._answer(*asked, turn, named) for asked in outcomes))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    # The known answer, or a guess; a guessed strategy is none of the known ones of the same step, `named`.
    def _answer(
        self, request: Request, known: Outcome | None, turn: SupporterTurn | None, named: Sequence[object]
    ) -> Outcome:
        self.asked.append(request)
        if known is not None:
            return known
        text = '{"crisis": "none"}' if turn is None else self._of_turn(request, turn, named)
        return Completion(key=request.key, text=text, finish_reason="stop")

    def _of_turn(self, request: Request, turn: SupporterTurn, named: Sequence[object]) -> str:
        ask = request.ask
        differing = [strategy for strategy in Strategy if strategy is not turn.strategy]
        others = [strategy for strategy in differing if strategy not in named] or differing
        strategy = others[len(self.asked) % len(others)]
        words = f"{turn.text} {ask.task} {request.model} {request.draw} {len(self.asked)}"
        written = {
            Task.PLANNER: strategy.value,
            Task.RESPONDER: words,
            Task.JOINT: f"[{strategy}] {words}",
            Task.REWRITER: words,
            Task.REASONER: _trace(turn, words),
            Task.STEP_JUDGE: _ALL_RIGHT,
            Task.STYLIST: f"{ask.reply} {words}",
        }
        return written.get(ask.task) or self._verdict(request)

    def _verdict(self, request: Request) -> str:
        pair = frozenset((request.ask.reply, request.ask.other_reply))
        flaw = self._errors[self._pairs.setdefault(pair, len(self._pairs)) % len(self._errors)]
        return f'{{"error": "{flaw}", "a": "{flaw}", "b": "{flaw}", "better": "tie"}}'


_ALL_RIGHT = json.dumps(dict.fromkeys(Step, True))


# A trace that passes every rule, so that it becomes a demonstration and would be rewritten.
def _trace(turn: SupporterTurn, reply: str) -> str:
    said = [one.text for one in turn.history if one.speaker is Speaker.SEEKER][-1]
    cue = {"modality": "text", "description": said}
    feeling = {"emotion": "neutral", "intensity": 1, "cause": said, "cues": [cue]}
    planned = {"strategy": turn.strategy or Strategy.OTHERS, "why": said}
    return json.dumps({"history": said, **feeling, **planned, "reply": reply})


def _count(sums: Counter[str], request: Request, known: KnownAnswers, ledger: Ledger | None) -> None:
    sums["calls"] += 1
    if (found := known.look_up(request.key)) is not None:
        sums["recorded" if found.release is None else _from(found.release)] += 1
        return
    if ledger is not None and ledger.holds(request.key):
        sums["recorded"] += 1
        return
    sums["new"] += 1
    sums["prompt_tokens"] += estimate_prompt_tokens(request)
    sums["completion_tokens"] += request.sampling.max_tokens


def _from(release: int) -> str:
    return f"release {release}"


def _roles(
    prepared: Prepared, sums: dict[tuple[Role, str], Counter[str]], places: Sequence[str]
) -> tuple[RoleEstimate, ...]:
    found = []
    for role, refs in prepared.plan.models.items():
        for ref in refs:
            added = sums.get((role, str(ref)), Counter())
            price = prepared.pool.prices.find(ref.name)
            counts = {name: added[name] for name in ("calls", "recorded", "new", "prompt_tokens", "completion_tokens")}
            reused = {place: added[_from(number)] for number, place in enumerate(places)}
            one = RoleEstimate(role=role, model=str(ref), reused=reused, **counts, cost_usd=None, batch_usd=None)
            in_batch = price.in_batch if price is not None else None
            found.append(one.model_copy(update={"cost_usd": _usd(one, price), "batch_usd": _usd(one, in_batch)}))
    return tuple(found)


def _usd(one: RoleEstimate, price: Price | None) -> float | None:
    return None if price is None else round(price.of(one), 4)
