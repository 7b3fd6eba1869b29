"""Mining one turn for one config, as a conversation with whoever has the answers.

`mine_pairs` is a generator: it yields the requests that it needs next and is sent their outcomes. It neither waits nor
knows who answers, so the same code runs over live endpoints, over records, and on any number of machines.
"""

from collections.abc import Generator

from ...prompts.parsers.strategy import bracketed_strategy
from ...schemas.config import SFT_CONFIGS, Config
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Outcome, Request
from .candidate import Candidate, Drop, Result
from .checks import role_of
from .plan import MiningPlan
from .steps import Check, Judging
from .turns import SupporterTurn

Requests = tuple[Request, ...]
Outcomes = tuple[Outcome, ...]
Mining = Generator[Requests, Outcomes, tuple[Result, ...]]


def mine_pairs(turn: SupporterTurn, config: Config, plan: MiningPlan, steps: tuple[Check | Judging, ...]) -> Mining:
    """The candidates of a preference config at one turn, each kept or dropped, in order of model and draw."""
    strategy = turn.strategy if config is Config.RESPONSE else None
    ask = Ask(role=role_of(config), history=turn.history, strategy=strategy)
    requests = tuple(plan.requests(ask))
    results: list[Result] = [Candidate(config, turn, request) for request in requests]
    if not turn.answers_somebody:
        return tuple(Drop(result, DropReason.NO_SEEKER_TURN) for result in results if isinstance(result, Candidate))
    outcomes = yield requests
    results = [Candidate(config, turn, *asked) for asked in zip(requests, outcomes, strict=True)]
    for step in steps:
        if isinstance(step, Check):
            results = [step.apply(result, plan) if isinstance(result, Candidate) else result for result in results]
        else:
            results = yield from _judge(results, plan, step)
    return tuple(results)


def _judge(results: list[Result], plan: MiningPlan, step: Judging) -> Generator[Requests, Outcomes, list[Result]]:
    """Every candidate that is still there after the judge has answered; all are asked about at once."""
    asked = [step.requests(result, plan) if isinstance(result, Candidate) else () for result in results]
    requests = tuple(request for some in asked for request in some)
    outcomes = iter((yield requests) if requests else ())
    return [
        step.settle(result, plan, some, tuple(next(outcomes) for _ in some))
        if isinstance(result, Candidate)
        else result
        for result, some in zip(results, asked, strict=True)
    ]


def demonstrate(turn: SupporterTurn, config: Config) -> Result:
    """The turn as a demonstration of an SFT config; nothing is asked of anybody."""
    assert config in SFT_CONFIGS, "preference configs are mined"
    candidate = Candidate(config, turn, None, strategy=turn.strategy, reply=turn.text)
    if not turn.answers_somebody:
        return Drop(candidate, DropReason.NO_SEEKER_TURN)
    if (strategy := bracketed_strategy(turn.text)) is not None:
        return Drop(candidate, DropReason.BRACKETED_STRATEGY, f"[{strategy}] in the human reply")
    return candidate
