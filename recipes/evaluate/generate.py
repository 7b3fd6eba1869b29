"""Asks models at held-out turns: the planner, then the responder under its strategy; the joint model; the reasoner.

The history is always the human's. A planner's answer that is not a strategy gets no reply: there is nothing to write
under; a joint answer without a strategy keeps its words, since a person would read them. Every answer is recorded
before it counts, so the same command goes on where it was stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...builders.models.client import Completer, Completers
from ...builders.models.pool import ModelPool
from ...prompts.library import Prompt, load_prompt
from ...prompts.parsers.json_reply import without_thinking
from ...prompts.parsers.strategy import JointReply, read_joint, read_strategy
from ...prompts.parsers.trace import format_trace, parse_trace, read_trace
from ...schemas.errors import BudgetError, PrefDialError, UsageError
from ...schemas.inference import Ask, Completion, Failed, ModelRef, Outcome, Request, Role, Sampling, Task, derive_seed
from ...schemas.spec import BuildSpec
from ...schemas.strategy import Strategy
from ...schemas.trace import Trace
from .held_out import HumanTurn
from .options import SystemOptions
from .predictions import Prediction, System

# Many questions at once, answers in order.


T = TypeVar("T")
_R = TypeVar("_R")


async def answer_all(
    ask: Callable[[T], Awaitable[_R]], jobs: Sequence[T], *, at_once: int, on_done: Callable[[], None] = lambda: None
) -> list[_R]:
    """The results of `ask` for every job, in the order of the jobs; a slow one does not delay the others.

    Raises:
        EndpointError: an endpoint is of no use; the other jobs are stopped first.
        BudgetError: the budget is spent; what was in flight was answered, and is recorded.
    """
    answers: dict[int, _R] = {}
    waiting = iter(enumerate(jobs))
    spent: list[BudgetError] = []

    async def work() -> None:
        for number, job in waiting:
            if spent:
                return
            try:
                answers[number] = await ask(job)
            except BudgetError as error:
                spent.append(error)
            on_done()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(jobs))):
                group.create_task(work())
    except* PrefDialError as errors:
        raise _first(errors) from None
    if spent:
        raise spent[0]
    return [answers[number] for number in range(len(jobs))]


# The first failure; those that follow are mostly echoes of it.
def _first(errors: BaseExceptionGroup[PrefDialError]) -> PrefDialError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


DECOUPLED = "decoupled"
_PLANNER_ALONE = "planner"
JOINT = "joint"
REASONING = "reasoning"


@dataclass(frozen=True)
class GenerationTask:
    """How a release's spec has one model asked in one role."""

    role: Role
    model: ModelRef
    completer: Completer
    prompt: Prompt
    sampling: Sampling
    seed: int

    @classmethod
    def of(
        cls, role: Role, model: ModelRef, completers: Completers, spec: BuildSpec, temperature: float | None
    ) -> "GenerationTask":
        """With the spec's prompt and sampling, at another temperature where one is given; 0 is greedy."""
        how = spec.inference(Task(role.value))
        if how is None or (role is Role.REASONER and spec.reasoning is None):
            raise UsageError(f"release {spec.version} has no {role}; evaluate it over a release that has")
        prompt, sampling = how.prompt, how.sampling
        if role is Role.REASONER and spec.reasoning is not None and not model.is_baseline:
            prompt = spec.reasoning.prompt  # that of the rows, which a reasoner is trained on
        if temperature is not None:
            sampling = sampling.model_copy(update={"temperature": temperature})
        return cls(role, model, completers[role, model], load_prompt(prompt), sampling, spec.seed)

    async def ask(self, turn: HumanTurn, strategy: Strategy | None = None) -> Outcome:
        """The model's answer at a turn."""
        ask = Ask(task=Task(self.role.value), history=turn.history, strategy=strategy)
        messages = self.prompt.messages(ask)
        return await self.completer.complete(
            Request(
                model=self.model,
                messages=messages,
                sampling=self.sampling,
                draw=0,
                seed=derive_seed(self.seed, messages, 0),
                reply_schema=self.prompt.reply_schema,
                ask=ask,
            )
        )


Predict = Callable[[HumanTurn], Awaitable[Prediction]]
"""One system's answer at a turn."""


def decoupled(planner: GenerationTask, responder: GenerationTask | None) -> Predict:
    """The planner, then the responder under its strategy; only the planner if there is no responder."""

    async def predict(turn: HumanTurn) -> Prediction:
        raw, problem = _text_of(await planner.ask(turn))
        named = read_strategy(raw) if raw is not None else None
        strategy = named if isinstance(named, Strategy) else None
        reply = None
        if strategy is None:
            problem = problem or "not_a_strategy"
        elif responder is not None:
            reply, problem = _text_of(await responder.ask(turn, strategy))
        return _prediction(DECOUPLED if responder else _PLANNER_ALONE, turn, raw, strategy, reply, problem)

    return predict


def joint(model: GenerationTask) -> Predict:
    """Strategy and reply in one answer."""

    async def predict(turn: HumanTurn) -> Prediction:
        raw, problem = _text_of(await model.ask(turn))
        read = read_joint(raw) if raw is not None else None
        if isinstance(read, JointReply):
            return _prediction(JOINT, turn, raw, read.strategy, read.reply, "")
        return _prediction(JOINT, turn, raw, None, raw, problem or (read.reason if read is not None else ""))

    return predict


def reasoning(model: GenerationTask) -> Predict:
    """Strategy and reply at the end of a trace, in its text form or as JSON."""

    async def predict(turn: HumanTurn) -> Prediction:
        raw, problem = _text_of(await model.ask(turn))
        read = parse_trace(raw) if raw is not None else None
        if raw is not None and not isinstance(read, Trace):
            as_json = read_trace(raw)
            read = as_json if isinstance(as_json, Trace) else read
        if isinstance(read, Trace):
            said = _prediction(REASONING, turn, raw, read.strategy.strategy, read.reply, "")
            return said.model_copy(update={"trace": format_trace(read)})
        return _prediction(REASONING, turn, raw, None, None, problem or (read.reason if read is not None else ""))

    return predict


# What was answered, without the model's thoughts; or None, and why there is nothing.
def _text_of(outcome: Outcome) -> tuple[str | None, str]:
    if isinstance(outcome, Failed):
        return None, f"{outcome.reason}: {outcome.detail}"
    assert isinstance(outcome, Completion), "an outcome is the one or the other"
    words = without_thinking(outcome.text).strip()
    if outcome.finish_reason == "content_filter" or not words:
        return None, "content_filter" if outcome.finish_reason == "content_filter" else "empty_reply"
    return words, ""


def _prediction(
    system: str, turn: HumanTurn, raw: str | None, strategy: Strategy | None, reply: str | None, problem: str
) -> Prediction:
    return Prediction(
        system=system,
        dialogue_id=turn.dialogue_id,
        turn=turn.index,
        gold_strategy=turn.strategy,
        gold_reply=turn.text,
        strategy_raw=raw,
        strategy=strategy,
        reply=reply,
        problem=problem,
        gold_emotion=turn.emotion,
    )


def asked_names(options: SystemOptions) -> list[str]:
    """The names of the systems that the models will make up."""
    planned = [] if not options.planner else [DECOUPLED if options.responder else _PLANNER_ALONE]
    return planned + ([JOINT] if options.joint else []) + ([REASONING] if options.reasoner else [])


# Name, description and way of asking of every system that the models make up.
def _asked_systems(
    pool: ModelPool, completers: Completers, spec: BuildSpec, temperature: float | None
) -> Iterator[tuple[str, str, Predict]]:
    def asking(role: Role) -> GenerationTask | None:
        model = pool.one(role)
        return None if model is None else GenerationTask.of(role, model, completers, spec, temperature)

    planner, responder, whole = (asking(role) for role in (Role.PLANNER, Role.RESPONDER, Role.JOINT))
    if planner is not None:
        name = DECOUPLED if responder is not None else _PLANNER_ALONE
        yield name, _about(*[one for one in (planner, responder) if one is not None]), decoupled(planner, responder)
    if whole is not None:
        yield JOINT, _about(whole), joint(whole)
    if (reasoner := asking(Role.REASONER)) is not None:
        yield REASONING, _about(reasoner), reasoning(reasoner)


def _about(*askings: GenerationTask) -> str:
    return ", ".join(
        f"{one.role} {one.model} (prompt {one.prompt.id}, temperature {one.sampling.temperature:g}, "
        f"top_p {one.sampling.top_p:g})"
        for one in askings
    )


async def generate(
    pool: ModelPool,
    completers: Completers,
    spec: BuildSpec,
    turns: Sequence[HumanTurn],
    *,
    temperature: float | None = None,
    on_system: Callable[[str], None] = lambda name: None,
    on_turn: Callable[[], None] = lambda: None,
) -> tuple[System, ...]:
    """Every system's answers at every turn, in order.

    Raises:
        EndpointError: an endpoint is of no use; what was answered is recorded.
        BudgetError: the budget is spent; what was answered is recorded.
    """
    systems = []
    for name, about, predict in _asked_systems(pool, completers, spec, temperature):
        on_system(name)
        said = await answer_all(predict, turns, at_once=pool.options.concurrency, on_done=on_turn)
        systems.append(System(name, "system", about, tuple(said)))
    return tuple(systems)
