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
from ...prompts.context import cued_transcript, transcript
from ...prompts.library import Prompt, load_prompt
from ...prompts.parsers.grades import read_grades
from ...prompts.parsers.step_labels import read_step_labels
from ...prompts.parsers.trace import format_trace
from ...prompts.parsers.verdict import read_verdict
from ...schemas.error_type import ErrorType
from ...schemas.errors import PromptError
from ...schemas.inference import Ask, Completion, Message, ModelRef, Outcome, Request, Role, Sampling, Task, derive_seed
from ...schemas.trace import Step, Trace
from ...schemas.verdict import Unparsed, Verdict
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
    (Question.GRADES, Protocol.ALONE): "judge/five_grades@1",
    (Question.GRADES, Protocol.BESIDE_HUMAN): "judge/five_grades_beside_human@1",
    (Question.ERRORS, Protocol.ALONE): "judge/five_errors@1",
    (Question.ERRORS, Protocol.BESIDE_HUMAN): "judge/five_errors_beside_human@1",
    (Question.STEPS, Protocol.ALONE): "judge/four_steps@1",
}
"""The released prompt of each question under each protocol."""


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
    messages = judge_messages(prompt, job.reply)
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


def judge_messages(prompt: Prompt, reply: Reply) -> tuple[Message, ...]:
    """The messages that put a question about a reply into words.

    Raises:
        PromptError: the prompt wants something else than the transcript, the reply and the human's reply.
    """
    values = {
        "transcript": transcript(reply.turn.history),
        "cued_transcript": cued_transcript(reply.turn.history),
        "trace": format_trace(reply.trace) if reply.trace is not None else "",
        "reply": reply.text,
        "human": reply.turn.text,
    }
    if unknown := [name for name in prompt.variables if name not in values]:
        raise PromptError(f"{prompt.id} wants ${unknown[0]}, which a judge of replies is not given")
    said = ({"role": part.role, "content": part.render(values)} for part in prompt.sections)
    return tuple(Message(role=one["role"], content=one["content"]) for one in said)  # type: ignore[typeddict-item]


def _read(job: _Job, outcome: Outcome) -> Judgement:
    grades: Mapping[str, float] = {}
    verdict: Verdict | None = None
    if isinstance(outcome, Completion):
        if job.question is Question.GRADES:
            read = read_grades(outcome.text, GRADES)
            grades = {} if isinstance(read, Unparsed) else read
        elif job.question is Question.STEPS:
            labels = read_step_labels(outcome.text)
            grades = {} if isinstance(labels, Unparsed) else _step_grades(labels.labels)
        else:
            found = read_verdict(outcome.text, tuple(ErrorType))
            verdict = found if isinstance(found, Verdict) else None
    place = (job.reply.turn.dialogue_id, job.reply.turn.index)
    return Judgement(job.reply.system, place, job.question, job.protocol, grades, verdict)


def _step_grades(labels: Sequence[bool]) -> dict[str, float]:
    """1 for a step that is right, 0 for one that is wrong, and their mean."""
    grades = dict(zip(map(step_grade, Step), map(float, labels), strict=True))
    return grades | {ALL_STEPS: sum(grades.values()) / len(grades)}
