"""Asks judges about replies: five grades and five psychological errors, each with and without the human's reply shown;
and about the steps of traces.

A judge sees one reply at a time and is not told who wrote it; the human's own replies are judged likewise, for a
yardstick, where they need not be shown beside themselves. The embedded judge knows three of the errors and no grades,
so it is asked for errors alone, and about steps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...builders.inference.client import Completer
from ...prompts.library import load_prompt
from ...prompts.readers import Offered
from ...schemas.inference import Ask, Completion, ModelRef, Outcome, Request, Role, Sampling, Task, derive_seed
from ...schemas.trace import Step, Trace
from ...schemas.verdict import StepVerdict, Unparsed, Verdict
from .align import HUMAN, Aligned
from .held_out import HumanTurn
from .players import CORPUS, Completers, Players
from .pool import answer_all

GRADES = ("fluency", "professionalism", "empathy", "helpfulness", "human_likeness")
"""What replies are graded in. The fifth, by which PEER (arXiv 2508.09521) is compared too, is worded by ourselves."""
ALL_STEPS = "all four steps"
"""The mean over the steps of a trace."""


def step_grade(step: Step) -> str:
    """What it is called how right a step is."""
    return f"step: {step}"


STEP_GRADES = (*map(step_grade, Step), ALL_STEPS)
"""What traces are graded in, each 0 to 1."""
SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=320)
"""How judges are asked."""


class Protocol(StrEnum):
    """What a judge is shown."""

    ALONE = "alone"
    """The conversation and the reply."""
    BESIDE_HUMAN = "beside_human"
    """The human's reply, too."""


class Question(StrEnum):
    """What a judge is asked."""

    GRADES = "five_grades"
    ERRORS = "five_errors"
    STEPS = "four_steps"
    """Asked about replies at the end of a trace."""


PROMPTS: Mapping[tuple[Question, Protocol], str] = {
    (Question.GRADES, Protocol.ALONE): "judge/five_grades@2",
    (Question.GRADES, Protocol.BESIDE_HUMAN): "judge/five_grades_beside_human@2",
    (Question.ERRORS, Protocol.ALONE): "judge/five_errors@2",
    (Question.ERRORS, Protocol.BESIDE_HUMAN): "judge/five_errors_beside_human@2",
    (Question.STEPS, Protocol.ALONE): "judge/four_steps@2",
}
"""The prompt of each question under each protocol: those in which no reply can end its fence."""


@dataclass(frozen=True)
class Reply:
    """A reply to be judged."""

    system: str
    turn: HumanTurn
    text: str
    trace: Trace | None = None
    """What it is the end of, of a system that reasons."""


@dataclass(frozen=True)
class Judgement:
    """What a judge said of one reply to one question."""

    system: str
    place: tuple[str, int]
    """Dialogue and turn."""
    question: Question
    protocol: Protocol
    grades: Mapping[str, float]
    """Those that could be read."""
    verdict: Verdict | None
    """None where it could not be read, or grades were asked for."""


@dataclass(frozen=True)
class _Job:
    """One question about one reply."""

    judge: ModelRef
    reply: Reply
    question: Question
    protocol: Protocol


def questions_to(judge: ModelRef, reply: Reply) -> Iterator[tuple[Question, Protocol]]:
    """What a judge is asked about a reply."""
    for question, protocol in PROMPTS:
        if judge.name == CORPUS and (question is Question.GRADES or protocol is not Protocol.ALONE):
            continue
        if reply.system == HUMAN and protocol is Protocol.BESIDE_HUMAN:
            continue
        if question is Question.STEPS and reply.trace is None:
            continue
        yield question, protocol


def count_questions(players: Players, replies: Sequence[Reply]) -> int:
    """How many calls judging takes, at most."""
    judges = players.refs.get(Role.JUDGE, ())
    return sum(1 for judge in judges for reply in replies for _ in questions_to(judge, reply))


def replies_of(aligned: Sequence[Aligned], turns: Sequence[HumanTurn]) -> tuple[Reply, ...]:
    """Every reply of every system at these turns, then the human's own where a system has one to be compared with.

    A prediction at a turn that is none of these has no history that could be shown, and is not judged.
    """
    by_place = {(turn.dialogue_id, turn.index): turn for turn in turns}
    found = [
        Reply(one.system.name, by_place[said.place], said.reply.strip(), said.steps)
        for one in aligned
        for said in one.predictions
        if said.reply and said.reply.strip() and said.place in by_place
    ]
    judged = dict.fromkeys((reply.turn.dialogue_id, reply.turn.index) for reply in found)
    return (*found, *(Reply(HUMAN, by_place[place], by_place[place].text) for place in judged))


async def judge_replies(
    players: Players,
    completers: Completers,
    replies: Sequence[Reply],
    *,
    seed: int,
    on_answer: Callable[[], None] = lambda: None,
) -> Mapping[ModelRef, tuple[Judgement, ...]]:
    """Everything that every judge said, in the order of the replies.

    Raises:
        EndpointError: an endpoint is of no use; what was answered is recorded.
        BudgetError: the budget is spent; what was answered is recorded.
    """

    async def ask(job: _Job) -> Judgement:
        return _read(job, await _ask(job, completers[Role.JUDGE, job.judge], seed))

    said = {}
    for judge in players.refs.get(Role.JUDGE, ()):
        jobs = [_Job(judge, reply, *asked) for reply in replies for asked in questions_to(judge, reply)]
        said[judge] = tuple(await answer_all(ask, jobs, at_once=players.options.concurrency, on_done=on_answer))
    return said


async def _ask(job: _Job, completer: Completer, seed: int) -> Outcome:
    prompt = load_prompt(PROMPTS[job.question, job.protocol])
    ask = Ask(task=Task.JUDGE, history=job.reply.turn.history, reply=job.reply.text)
    if job.question is Question.STEPS:
        ask = Ask(task=Task.STEP_JUDGE, history=job.reply.turn.history, trace=job.reply.trace)
    messages = prompt.messages(ask, human=job.reply.turn.text)
    return await completer.complete(
        Request(
            model=job.judge,
            messages=messages,
            sampling=SAMPLING,
            draw=0,
            seed=derive_seed(seed, messages, 0),
            reply_schema=prompt.reply_schema,
            ask=ask,
        )
    )


def _read(job: _Job, outcome: Outcome) -> Judgement:
    grades: Mapping[str, float] = {}
    verdict: Verdict | None = None
    if isinstance(outcome, Completion):
        prompt = load_prompt(PROMPTS[job.question, job.protocol])
        read = prompt.reader.read(outcome, Offered(grades=GRADES))
        if isinstance(read, StepVerdict):
            grades = _step_grades(read.labels)
        elif isinstance(read, Verdict):
            verdict = read
        elif not isinstance(read, Unparsed):
            grades = read
    place = (job.reply.turn.dialogue_id, job.reply.turn.index)
    return Judgement(job.reply.system, place, job.question, job.protocol, grades, verdict)


def _step_grades(labels: Sequence[bool]) -> dict[str, float]:
    """1 for a step that is right, 0 for one that is wrong, and their mean."""
    grades = dict(zip(map(step_grade, Step), map(float, labels), strict=True))
    return grades | {ALL_STEPS: sum(grades.values()) / len(grades)}
