"""Mines one turn for one config, as a conversation.

`mine_pairs` is a generator: it yields the requests that it needs next and is sent their outcomes. It neither waits nor
knows where the answers come from, so the same code runs over live endpoints, over records, and on any number of
machines.
"""

import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ...prompts.parsers.strategy import bracketed_strategy
from ...schemas.config import SFT_CONFIGS, Config
from ...schemas.drops import DropReason
from ...schemas.errors import PrefDialError, StepError
from ...schemas.escape import one_line
from ...schemas.inference import Ask, Outcome, Request
from .candidate import Candidate, Drop, Result
from .checks import task_of
from .plan import MiningPlan
from .steps import Check, Choice, HumanCheck, Judging, TurnStep
from .turns import SupporterTurn

C = TypeVar("C", bound=Candidate)

Requests = tuple[Request, ...]
Outcomes = tuple[Outcome, ...]
Mining = Generator[Requests, Outcomes, tuple[Result, ...]]


def mine_pairs(turn: SupporterTurn, config: Config, plan: MiningPlan, steps: Sequence[TurnStep]) -> Mining:
    """The candidates of a preference config at one turn, each kept or dropped, in order of model and draw.

    Without a strategy of the human there is nothing to compare another with: the turn is then the only candidate.
    """
    barred = barred_turn(turn, [step for step in steps if isinstance(step, HumanCheck)])
    if turn.strategy is None:
        return (Drop(Candidate(config, turn, None), *(barred or (DropReason.NO_STRATEGY, ""))),)
    strategy = turn.strategy if config is Config.RESPONSE else None
    ask = Ask(task=task_of(config), history=turn.history, strategy=strategy)
    requests = tuple(plan.requests(ask))
    if barred is not None:
        return tuple(Drop(Candidate(config, turn, request), *barred) for request in requests)
    outcomes = yield requests
    results: list[Result] = [Candidate(config, turn, *asked) for asked in zip(requests, outcomes, strict=True)]
    for step in steps:
        with step_errors(step.definition.id, turn.dialogue.dialogue_id, turn.index):
            before, results = results, (yield from _take(step, results, plan))
            _check_drops(step, before, results)
    return tuple(results)


# The candidates of a turn after a step; checks of the human's turn ran before any request.
def _take(step: TurnStep, results: list[Result], plan: MiningPlan) -> Generator[Requests, Outcomes, list[Result]]:
    match step:
        case Check():
            return [step.apply(result, plan) if isinstance(result, Candidate) else result for result in results]
        case Choice():
            return step.apply(results, plan)
        case Judging():
            return (
                yield from settle_each(
                    results,
                    lambda candidate: step.requests(candidate, plan),
                    lambda candidate, asked, outcomes: step.settle(candidate, plan, asked, outcomes),
                )
            )
    return results


# Holds a step to the drop reasons of its definition.
def _check_drops(step: TurnStep, before: Sequence[Result], after: Sequence[Result]) -> None:
    for was, now in zip(before, after, strict=True):
        if isinstance(was, Candidate) and isinstance(now, Drop) and now.reason not in step.definition.drops:
            raise ValueError(f"it dropped a candidate as {now.reason}, which its definition does not name")


@contextmanager
def step_errors(step_id: str, dialogue_id: str, turn: int | None) -> Iterator[None]:
    """Turns an unexpected error inside a step into one that names the step, the dialogue and the turn.

    Turns are answered concurrently: otherwise a bug surfaces once a worker, each time as a traceback that names neither
    the turn nor the step.

    Raises:
        StepError: any other error than those of `schemas.errors`.
    """
    try:
        yield
    except PrefDialError:
        raise
    except Exception as error:  # a bug may raise anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"dialogue {dialogue_id}" + ("" if turn is None else f", turn {turn}")
        raise StepError(
            f"{where}: the step {step_id} failed with {type(error).__name__}: {one_line(str(error), 200)} "
            f"({Path(place.filename).name}, line {place.lineno}); this is a bug: please report it"
        ) from error


def barred_turn(turn: SupporterTurn, checks: Sequence[HumanCheck]) -> tuple[DropReason, str] | None:
    """The first reason for which no request is made about this turn, with its detail; or None."""
    if turn.placed.barred is not None:
        return turn.placed.barred
    if not turn.answers_seeker:
        return DropReason.NO_SEEKER_TURN, ""
    for check in checks:
        with step_errors(check.definition.id, turn.dialogue.dialogue_id, turn.index):
            detail = check.find(turn)
        if detail is not None:
            return check.reason, detail
    return None


def settle_each(
    results: Sequence[C | Drop],
    requests_of: Callable[[C], Requests],
    settle: Callable[[C, Requests, Outcomes], C | Drop],
) -> Generator[Requests, Outcomes, list[C | Drop]]:
    """Yields the requests about all candidates that are left at once, and settles each by its own answers."""
    asked = [() if isinstance(result, Drop) else requests_of(result) for result in results]
    requests = tuple(request for some in asked for request in some)
    outcomes = iter((yield requests) if requests else ())
    return [
        result if isinstance(result, Drop) else settle(result, some, tuple(next(outcomes) for _ in some))
        for result, some in zip(results, asked, strict=True)
    ]


def demonstrate(turn: SupporterTurn, config: Config, steps: Sequence[TurnStep] = ()) -> Result:
    """The turn as a demonstration of an SFT config; it needs no request."""
    assert config in SFT_CONFIGS, "preference configs are mined"
    candidate = Candidate(config, turn, None, strategy=turn.strategy, reply=turn.text)
    checks = [step for step in steps if isinstance(step, HumanCheck) and step.of_demonstrations]
    if (barred := barred_turn(turn, checks)) is not None:
        return Drop(candidate, *barred)
    if turn.strategy is None:
        return Drop(candidate, DropReason.NO_STRATEGY)
    if (strategy := bracketed_strategy(turn.text)) is not None:
        return Drop(candidate, DropReason.BRACKETED_STRATEGY, f"[{strategy}] in the human reply")
    return candidate
