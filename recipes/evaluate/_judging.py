"""Asks judges about replies: five grades and five psychological errors, each with and without the human's reply shown;
and about the steps of traces.

A judge sees one reply at a time and is not told who wrote it; the human's own replies are judged likewise, for a
yardstick, where they need not be shown beside themselves. The embedded judge knows three of the errors and no grades,
so it is asked for errors alone, and about steps.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np

from ...builders.models.client import Completer, Completers
from ...builders.models.pool import ModelPool
from ...prompts.library import load_prompt
from ...prompts.readers import Offered
from ...schemas.error_type import ErrorType
from ...schemas.evaluation import ErrorShare, Grade, JudgeFigures, SystemComparison, WinRate
from ...schemas.inference import Ask, Completion, ModelRef, Outcome, Request, Role, Sampling, Task, derive_seed
from ...schemas.trace import Step, Trace
from ...schemas.verdict import StepVerdict, Unparsed, Verdict
from ..metrics.measured import MetricResult, difference_of, mean_of, p_value
from ..metrics.sample import AnswerSample
from .generate import answer_all
from .held_out import HumanTurn
from .predictions import HUMAN, Aligned
from .score import win_rate

GRADES = ("fluency", "professionalism", "empathy", "helpfulness", "human_likeness")
"""The grades of replies. The wording of the fifth, which PEER (arXiv 2508.09521) also reports, is our own."""
ALL_STEPS = "all four steps"
"""The mean over the steps of a trace."""


def step_grade(step: Step) -> str:
    """The name of the grade of a step."""
    return f"step: {step}"


STEP_GRADES = (*map(step_grade, Step), ALL_STEPS)
"""The grades of traces, each 0 to 1."""
# How judges are asked.
_SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=320)


class Protocol(StrEnum):
    """A judging protocol: what the judge sees."""

    ALONE = "alone"
    """The conversation and the reply."""
    BESIDE_HUMAN = "beside_human"
    """The human's reply, too."""


class JudgeQuestion(StrEnum):
    """A question to a judge."""

    GRADES = "five_grades"
    ERRORS = "five_errors"
    STEPS = "four_steps"
    """Asked about replies at the end of a trace."""


PROMPTS: Mapping[tuple[JudgeQuestion, Protocol], str] = {
    (JudgeQuestion.GRADES, Protocol.ALONE): "judge/five_grades@2",
    (JudgeQuestion.GRADES, Protocol.BESIDE_HUMAN): "judge/five_grades_beside_human@2",
    (JudgeQuestion.ERRORS, Protocol.ALONE): "judge/five_errors@2",
    (JudgeQuestion.ERRORS, Protocol.BESIDE_HUMAN): "judge/five_errors_beside_human@2",
    (JudgeQuestion.STEPS, Protocol.ALONE): "judge/four_steps@2",
}
"""The prompt of each question under each protocol: those in which no reply can end its fence."""


@dataclass(frozen=True)
class JudgedReply:
    """A reply to be judged."""

    system: str
    turn: HumanTurn
    text: str
    trace: Trace | None = None
    """The whole trace, for a system that reasons."""


@dataclass(frozen=True)
class ReplyJudgement:
    """The answer of a judge about one reply."""

    system: str
    place: tuple[str, int]
    """Dialogue and turn."""
    question: JudgeQuestion
    protocol: Protocol
    grades: Mapping[str, float]
    """Those that could be read."""
    verdict: Verdict | None
    """None where it could not be read, or grades were asked for."""


@dataclass(frozen=True)
class _Job:
    """One question about one reply."""

    judge: ModelRef
    reply: JudgedReply
    question: JudgeQuestion
    protocol: Protocol


# What a judge is asked about a reply.
def _questions_to(judge: ModelRef, reply: JudgedReply) -> Iterator[tuple[JudgeQuestion, Protocol]]:
    for question, protocol in PROMPTS:
        if judge.is_baseline and (question is JudgeQuestion.GRADES or protocol is not Protocol.ALONE):
            continue
        if reply.system == HUMAN and protocol is Protocol.BESIDE_HUMAN:
            continue
        if question is JudgeQuestion.STEPS and reply.trace is None:
            continue
        yield question, protocol


def count_questions(pool: ModelPool, replies: Sequence[JudgedReply]) -> int:
    """How many calls judging takes, at most."""
    judges = pool.models.get(Role.JUDGE, ())
    return sum(1 for judge in judges for reply in replies for _ in _questions_to(judge, reply))


def replies_of(aligned: Sequence[Aligned], turns: Sequence[HumanTurn]) -> tuple[JudgedReply, ...]:
    """Every reply of every system at these turns, then the human's own where a system has one to be compared with.

    A prediction at a turn that is none of these has no history that could be shown, and is not judged.
    """
    by_place = {(turn.dialogue_id, turn.index): turn for turn in turns}
    found = [
        JudgedReply(one.system.name, by_place[said.place], said.reply.strip(), said.steps)
        for one in aligned
        for said in one.predictions
        if said.reply and said.reply.strip() and said.place in by_place
    ]
    judged = dict.fromkeys((reply.turn.dialogue_id, reply.turn.index) for reply in found)
    return (*found, *(JudgedReply(HUMAN, by_place[place], by_place[place].text) for place in judged))


async def judge_replies(
    pool: ModelPool,
    completers: Completers,
    replies: Sequence[JudgedReply],
    *,
    seed: int,
    on_answer: Callable[[], None] = lambda: None,
) -> Mapping[ModelRef, tuple[ReplyJudgement, ...]]:
    """Everything that every judge said, in the order of the replies.

    Raises:
        EndpointError: an endpoint is of no use; what was answered is recorded.
        BudgetError: the budget is spent; what was answered is recorded.
    """

    async def ask(job: _Job) -> ReplyJudgement:
        return _read(job, await _ask(job, completers[Role.JUDGE, job.judge], seed))

    said = {}
    for judge in pool.models.get(Role.JUDGE, ()):
        jobs = [_Job(judge, reply, *asked) for reply in replies for asked in _questions_to(judge, reply)]
        said[judge] = tuple(await answer_all(ask, jobs, at_once=pool.options.concurrency, on_done=on_answer))
    return said


async def _ask(job: _Job, completer: Completer, seed: int) -> Outcome:
    prompt = load_prompt(PROMPTS[job.question, job.protocol])
    ask = Ask(task=Task.JUDGE, history=job.reply.turn.history, reply=job.reply.text)
    if job.question is JudgeQuestion.STEPS:
        ask = Ask(task=Task.STEP_JUDGE, history=job.reply.turn.history, trace=job.reply.trace)
    messages = prompt.messages(ask, human=job.reply.turn.text)
    return await completer.complete(
        Request(
            model=job.judge,
            messages=messages,
            sampling=_SAMPLING,
            draw=0,
            seed=derive_seed(seed, messages, 0),
            reply_schema=prompt.reply_schema,
            ask=ask,
        )
    )


def _read(job: _Job, outcome: Outcome) -> ReplyJudgement:
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
    return ReplyJudgement(job.reply.system, place, job.question, job.protocol, grades, verdict)


# 1 for a step that is right, 0 for one that is wrong, and their mean.
def _step_grades(labels: Sequence[bool]) -> dict[str, float]:
    grades = dict(zip(map(step_grade, Step), map(float, labels), strict=True))
    return grades | {ALL_STEPS: sum(grades.values()) / len(grades)}


# What judges said, as means with their coverage, paired differences and win rates.
#
# Every grade has its own mean: a reply whose one grade could not be read keeps the others.


ANY_ERROR = "any error"
_ALL_GRADES = "mean of five grades"

Place = tuple[str, int]


@dataclass(frozen=True)
class JudgeVotes:
    """One judge's word on several systems, as values by turn."""

    judge: ModelRef
    sample: AnswerSample
    """The sample of any system; turns and weights are the same for all."""
    said: tuple[ReplyJudgement, ...]

    def judged(self) -> JudgeFigures:
        grades, errors = tuple(self._grades()), tuple(self._errors())
        asked = {(one.question, one.protocol) for one in self.said}
        ids = [] if self._is_reward else [PROMPTS[one] for one in PROMPTS if one in asked]
        return JudgeFigures(
            judge=str(self.judge),
            prompts={prompt: load_prompt(prompt).sha256 for prompt in ids},
            grades=grades,
            errors=errors,
            comparisons=tuple(self._comparisons()),
            notes=self._notes(),
        )

    @property
    def systems(self) -> list[str]:
        """The systems that it was asked about, in order."""
        return list(dict.fromkeys(one.system for one in self.said))

    def wins(self) -> Iterator[WinRate]:
        """The system with the better mean of all five grades, turn by turn, if both have all five."""
        for protocol in Protocol:
            means = {name: self._all_grades(name, protocol) for name in self.systems}
            for one, other in combinations(self.systems, 2):
                if (np.isfinite(means[one]) & np.isfinite(means[other])).any():
                    by = f"{_ALL_GRADES}, {protocol}, by {self.judge}"
                    yield win_rate(by, (one, means[one]), (other, means[other]), self.sample.weights)

    def _grades(self) -> Iterator[Grade]:
        for question, grades in ((JudgeQuestion.GRADES, GRADES), (JudgeQuestion.STEPS, STEP_GRADES)):
            for name, protocol, asked in self._asked(question):
                for grade in grades:
                    mean = self._mean(self._values(name, protocol, grade))
                    told = {"mean": mean.interval, "asked": asked, "turns": self.sample.size}
                    yield Grade(system=name, protocol=protocol, grade=grade, **told)

    def _errors(self) -> Iterator[ErrorShare]:
        for name, protocol, asked in self._asked(JudgeQuestion.ERRORS):
            verdicts = [one.verdict for one in self._of(name, JudgeQuestion.ERRORS, protocol).values() if one.verdict]
            counts = Counter(verdict.error for verdict in verdicts if verdict.error is not None)
            yield ErrorShare(
                system=name,
                protocol=protocol,
                flagged=self._mean(self._values(name, protocol, ANY_ERROR)).interval,
                errors={error: counts[error] for error in ErrorType if counts[error]},
                asked=asked,
                turns=self.sample.size,
            )

    def differences(self) -> Iterator[tuple[str, str, str, MetricResult]]:
        """What is compared, two systems, and the first one's mean less the other's, where both were judged."""
        for protocol in Protocol:
            for what in (*GRADES, *STEP_GRADES, ANY_ERROR):
                values = {name: self._values(name, protocol, what) for name in self.systems}
                for one, other in combinations(self.systems, 2):
                    difference = self._mean(values[one] - values[other])
                    if difference.interval.value is not None:
                        yield f"{what}, {protocol}", one, other, difference

    def _comparisons(self) -> Iterator[SystemComparison]:
        for metric, one, other, difference in self.differences():
            nothing = MetricResult(np.zeros_like(difference.values), difference.n)
            told = difference_of(difference, nothing)
            p = p_value(difference, nothing)
            yield SystemComparison(metric=metric, one=one, other=other, difference=told, p=p)

    # Every system and protocol with replies that were judged, and how many these were.
    def _asked(self, question: JudgeQuestion) -> Iterator[tuple[str, Protocol, int]]:
        for protocol in Protocol:
            for name in self.systems:
                if asked := len(self._of(name, question, protocol)):
                    yield name, protocol, asked

    def _of(self, system: str, question: JudgeQuestion, protocol: Protocol) -> Mapping[Place, ReplyJudgement]:
        return {
            one.place: one
            for one in self.said
            if one.system == system and one.question is question and one.protocol is protocol
        }

    # A grade, or 1 for an error, at every turn; not a number where there is none.
    def _values(self, system: str, protocol: Protocol, what: str) -> np.ndarray:
        question = (
            JudgeQuestion.GRADES
            if what in GRADES
            else JudgeQuestion.STEPS
            if what in STEP_GRADES
            else JudgeQuestion.ERRORS
        )
        said = self._of(system, question, protocol)
        return np.array([_value(said.get((one.dialogue, one.turn)), what) for one in self.sample.answers])

    def _all_grades(self, system: str, protocol: Protocol) -> np.ndarray:
        return np.asarray(np.mean([self._values(system, protocol, grade) for grade in GRADES], axis=0))

    def _mean(self, values: np.ndarray) -> MetricResult:
        told = np.isfinite(values)
        return mean_of(values[told], self.sample.weights[told], int(told.sum()))

    # Whether it is a reward model, which is asked nothing in words.
    @property
    def _is_reward(self) -> bool:
        return self.judge.only_labels_steps

    def _notes(self) -> tuple[str, ...]:
        if self._is_reward:
            return (
                f"{self.judge} is a reward model: its values are probabilities that a step is right, as it sees it",
            )
        if not self.judge.is_baseline:
            return ()
        return (
            f"{self.judge} judges by written rules, for trying the pipeline: it knows three of the five errors, gives "
            "no grades, and looks at words alone",
        )


def _value(said: ReplyJudgement | None, what: str) -> float:
    if said is None:
        return np.nan
    if what == ANY_ERROR:
        return np.nan if said.verdict is None else float(said.verdict.error is not None or said.verdict.no_reply)
    return said.grades.get(what, np.nan)


def panels_of(said: Mapping[ModelRef, Sequence[ReplyJudgement]], sample: AnswerSample) -> tuple[JudgeVotes, ...]:
    return tuple(JudgeVotes(judge, sample, tuple(judgements)) for judge, judgements in said.items())
