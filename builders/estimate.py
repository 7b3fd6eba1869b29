"""`--dry-run`: how many calls, tokens and dollars a build would take, without sending anything."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..schemas.base import Frozen
from ..schemas.config import PAIR_CONFIGS
from ..schemas.dialogue import Speaker
from ..schemas.error_type import ErrorType
from ..schemas.inference import Completion, Outcome, Request, Role, Task
from ..schemas.strategy import Strategy
from ..schemas.trace import Step
from .answers import replay
from .assemble import Seen
from .inference.budget import estimate_prompt_tokens
from .inference.prices import Price
from .inference.record import Records
from .mining.mine import mine_pairs
from .mining.screen import screen
from .mining.steps import steps_of
from .mining.turns import SupporterTurn, supporter_turns
from .pipeline import BuildOptions, NoProgress, Prepared, open_sources, prepare
from .reasoning.reason import reason
from .workspace import Workspace


class RoleEstimate(Frozen):
    """What one model would be asked in one role."""

    role: Role
    model: str
    calls: int
    """Distinct calls; of a judge, at most."""
    recorded: int
    """Of these, the ones that an earlier run of the same build has answered; they are not sent again."""
    prompt_tokens: int
    """Of the calls still to be sent, about: a quarter of the characters."""
    completion_tokens: int
    """Of the calls still to be sent, at most."""
    cost_usd: float | None
    """At most; None where the model has no price."""

    def cost(self) -> str:
        """The cost for people."""
        return "no price" if self.cost_usd is None else f"{self.cost_usd:.2f}"


class Estimate(Frozen):
    """What a build would take."""

    dialogues: int
    turns: int
    """Supporter turns that answer somebody."""
    roles: tuple[RoleEstimate, ...]


def estimate(options: BuildOptions) -> Estimate:
    """Goes through every turn and adds up what would be asked.

    Raises:
        UsageError: whatever a build itself would refuse before it asks anything.
    """
    workspace = Workspace(options.out)
    with tempfile.TemporaryDirectory(prefix="ipm-prefdial-estimate-") as folder:
        prepared = prepare(options, open_sources(options), Path(folder) / "dialogues.jsonl", NoProgress())
        if not workspace.records.is_file():
            return _add_up(prepared, None)
        with Records(workspace.records) as records:
            return _add_up(prepared, records)


def _add_up(prepared: Prepared, records: Records | None) -> Estimate:
    sums: dict[tuple[Role, str], Counter[str]] = {}
    seen, turns, steps = Seen(), 0, steps_of(prepared.plan.spec)
    for placed in prepared.intake:
        guesses = _Guesses(prepared.plan.spec.errors)
        placed = replay(screen(placed, prepared.plan), guesses.answer)
        for turn in supporter_turns(placed):
            turns += turn.answers_somebody
            for config in PAIR_CONFIGS:
                replay(mine_pairs(turn, config, prepared.plan, steps.of_turns), partial(guesses.answer, turn=turn))
            replay(reason(turn, prepared.plan, steps.of_turns), partial(guesses.answer, turn=turn))
        for request in guesses.asked:
            if seen.add(request.key):
                _count(sums.setdefault((request.ask.role, str(request.model)), Counter()), request, records)
    seen.close()
    dialogues = sum(source.dialogues for source in prepared.intake.sources)
    return Estimate(dialogues=dialogues, turns=turns, roles=_roles(prepared, sums))


class _Guesses:
    """Notes what is asked, and answers so that as much as possible is asked next.

    Inferred replies are not known yet, so each is taken to be as long as the human's, and another than all others; each
    is judged to have an error of its own, so that the human's reply would be rewritten for each.
    """

    def __init__(self, errors: Sequence[ErrorType]) -> None:
        self.asked: list[Request] = []
        self._errors = errors
        self._pairs: dict[frozenset[str | None], int] = {}

    def answer(self, request: Request, turn: SupporterTurn | None = None) -> Outcome:
        """The guess; of a whole dialogue where there is no turn."""
        self.asked.append(request)
        text = '{"crisis": "none"}' if turn is None else self._of_turn(request, turn)
        return Completion(key=request.key, text=text, finish_reason="stop")

    def _of_turn(self, request: Request, turn: SupporterTurn) -> str:
        ask = request.ask
        others = [strategy for strategy in Strategy if strategy is not turn.strategy]
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


def _trace(turn: SupporterTurn, reply: str) -> str:
    """A trace that no rule contradicts, so that it is a demonstration, and would be rewritten."""
    said = [one.text for one in turn.history if one.speaker is Speaker.SEEKER][-1]
    cue = {"modality": "text", "description": said}
    feeling = {"emotion": "neutral", "intensity": 1, "cause": said, "cues": [cue]}
    return json.dumps({"history": said, **feeling, "strategy": turn.strategy, "why": said, "reply": reply})


def _count(sums: Counter[str], request: Request, records: Records | None) -> None:
    sums["calls"] += 1
    if records is not None and records.find(request.key) is not None:
        sums["recorded"] += 1
        return
    sums["prompt_tokens"] += estimate_prompt_tokens(request)
    sums["completion_tokens"] += request.sampling.max_tokens


def _roles(prepared: Prepared, sums: dict[tuple[Role, str], Counter[str]]) -> tuple[RoleEstimate, ...]:
    found = []
    for role, refs in prepared.plan.models.items():
        for ref in refs:
            added = sums.get((role, str(ref)), Counter())
            price = prepared.cast.prices.find(ref.name)
            counts = {name: added[name] for name in ("calls", "recorded", "prompt_tokens", "completion_tokens")}
            one = RoleEstimate(role=role, model=str(ref), **counts, cost_usd=None)
            found.append(one.model_copy(update={"cost_usd": _usd(one, price)}))
    return tuple(found)


def _usd(one: RoleEstimate, price: Price | None) -> float | None:
    return None if price is None else round(price.of(one), 4)
