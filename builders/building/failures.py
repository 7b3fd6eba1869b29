"""Counts what a build's answers are worth, and stops the build where a role can use too few of them.

An endpoint may answer every call and still give nothing: its chat template refuses the prompt, its model thinks until
its tokens are spent, its judge declines. Each such answer is a named drop, which is right for one of them and wrong for
all of them: such a build would end as a release without rows, and would have spent everything on the way. So every
answer is counted by task and model, and the build stops

* while it asks, once at least `FIRST` answers are counted and the share of unusable ones is above the limit with
  certainty: the lower bound of its Wilson interval is (z = 3; Wilson 1927, J. Am. Stat. Assoc. 22, 209-212). With the
  default limit of a half, twenty failures of twenty are enough, and so are two hundred answers with 60 % failures;
* before the release is put in place, where the plain share is above the limit, or where no answer at all was usable:
  then everything is known, and what is uncertain is not a reason to go on.

Both figures and the limit are our own design. Answers from records count like any other: a build that was stopped stops
again at once, and asks nothing, until the command changes. The embedded models are counted and never stop a build:
where they have too little to answer from, no endpoint failed, and no other command would help.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple, Self
from zlib import crc32

from ...prompts.parsers.json_reply import without_thinking
from ...prompts.parsers.strategy import JointReply
from ...prompts.readers import Offered
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.errors import UnusableAnswersError
from ...schemas.escape import one_line
from ...schemas.inference import TRANSIENT, Completion, Failed, FailureReason, ModelRef, Outcome, Request, Role, Task
from ...schemas.manifest import AnswersRecord
from ...schemas.trace import Trace
from ...schemas.verdict import Unparsed
from ..mining.checks import unanswered
from ..mining.plan import MiningPlan
from ..mining.reply_rules import refusal_in
from ..models.client import Completer, Completers
from ._assemble import DigestSet

# Says of every answer whether its task can use it: the one place where answers are judged for counts and stops.
#
# It reads each answer with the reader of its prompt, as the steps do, so an answer counts as unusable where the steps
# drop the candidate, or leave the verdict out, because of the answer itself. One thing counts here for every spec that
# only newer ones drop: a refusal in words. A model that declines most of what it is asked makes no data.


CUT_OFF = DropReason.CUT_OFF.value
"""The reason that `--max-tokens` and `--thinking` help against."""


class UnusableReason(NamedTuple):
    """Why an answer is of no use to its task."""

    reason: str
    """The value of a `FailureReason` where the call failed, of a `DropReason` where a reply came."""
    said: str
    """The endpoint's words, or what is wrong with the reply."""
    reply: str = ""
    """The reply as it came; empty where the call failed."""


# What a reply is that cannot be read; of a judge's, an unparsed verdict.
_UNPARSED = {
    Task.PLANNER: DropReason.NOT_A_STRATEGY,
    Task.JOINT: DropReason.NOT_A_STRATEGY,
    Task.REASONER: DropReason.NOT_A_TRACE,
}
# The tasks that are asked for a reply to the seeker.
_IN_WORDS = frozenset({Task.RESPONDER, Task.JOINT, Task.REWRITER, Task.STYLIST, Task.REASONER})
# What a parser's own word for it comes to in the steps.
_NAMED = {"empty_reply": DropReason.EMPTY_REPLY, "unknown_strategy": DropReason.NOT_A_STRATEGY}


def fault_of(request: Request, outcome: Outcome, plan: MiningPlan) -> UnusableReason | None:
    """Why an answer is of no use to the task that asked for it; None where it is of use.

    A judge's answer is of use where a whole verdict can be read in it, however it ended; any other reply has to be
    whole, too.
    """
    if isinstance(outcome, Failed):
        return UnusableReason(outcome.reason.value, outcome.detail)
    task = request.ask.task
    unread = _unread(request, outcome, plan)
    if task.role is Role.JUDGE and unread is None:
        return None
    if (found := unanswered(outcome)) is not None:
        return UnusableReason(found[0].value, _ended(outcome), outcome.text)
    return unread


def _unread(request: Request, outcome: Completion, plan: MiningPlan) -> UnusableReason | None:
    task = request.ask.task
    offered = (ErrorType.STRATEGY_MISMATCH,) if task is Task.STRATEGY_JUDGE else plan.spec.errors
    read = plan.prompts[task].reader.read(outcome, Offered(errors=offered, turns=len(request.ask.history)))
    if isinstance(read, Unparsed):
        reason = _NAMED.get(read.reason) or _UNPARSED.get(task, DropReason.UNPARSED_VERDICT)
        return UnusableReason(reason.value, read.reason.replace("_", " "), outcome.text)
    words = read.reply if isinstance(read, JointReply | Trace) else read
    if isinstance(words, str) and task in _IN_WORDS and (kind := refusal_in(words)) is not None:
        return UnusableReason(DropReason.REFUSED.value, f"declined in words: {kind}", outcome.text)
    return None


# How a reply ended that is not whole or has no words.
def _ended(outcome: Completion) -> str:
    nothing = "" if without_thinking(outcome.text).strip() else ", without a word of an answer"
    return f"finish_reason {outcome.finish_reason} after {outcome.completion_tokens} tokens{nothing}"


# The share of unusable answers that a build accepts of a task and model where the command names none.
_MOST_UNUSABLE = 0.5
FIRST = 20
"""Answers of a task and model before which nothing is concluded while a build asks."""
# The share of cut-off answers from which the end of a build names the options that help.
_OFTEN_CUT_OFF = 0.1

# Answers from which the share decides at the end; of fewer, only a total failure does.
_LEAST = 5
_Z = 3.0
_SAID = 160
_QUOTED = 60
# Different questions that get replies of the same beginning before it is quoted: so no dialogue's words are.
_QUESTIONS = 3
# Different messages that are remembered of a task and model.
_MESSAGES = 200


class AskedRole(NamedTuple):
    """Who was asked for what."""

    task: Task
    model: ModelRef


class Words(NamedTuple):
    """What was wrong with an answer, in words."""

    reason: str
    said: str
    reply: str
    """How the reply begins."""


@dataclass
class Counted:
    """The answers of one model to one task."""

    calls: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Unusable answers by reason."""
    words: Counter[Words] = field(default_factory=Counter)
    """The same by what was said."""
    questions: dict[Words, frozenset[int]] = field(default_factory=dict)
    """Some of the questions that were answered so."""

    @property
    def unusable(self) -> int:
        """Answers that are of no use."""
        return self.reasons.total()

    def add(self, fault: UnusableReason | None, question: str) -> None:
        """Takes in one answer, and what is wrong with it."""
        self.calls += 1
        if fault is None:
            return
        self.reasons[fault.reason] += 1
        words = Words(fault.reason, one_line(fault.said, _SAID), one_line(fault.reply, _QUOTED))
        if words in self.words or len(self.words) < _MESSAGES:
            self.words[words] += 1
            if len(asked := self.questions.get(words, frozenset())) < _QUESTIONS:
                self.questions[words] = asked | {crc32(question.encode())}

    def plus(self, other: Self) -> "Counted":
        questions = {words: self.questions.get(words, frozenset()) | asked for words, asked in other.questions.items()}
        return Counted(
            self.calls + other.calls,
            self.reasons + other.reasons,
            self.words + other.words,
            {**self.questions, **questions},
        )

    @property
    def message(self) -> str | None:
        """What was said most often for the commonest reason, with the beginning of a reply that many questions got.

        None where nothing was wrong.
        """
        if not self.reasons:
            return None
        reason, _ = self.reasons.most_common(1)[0]
        found = Counter({words: times for words, times in self.words.items() if words.reason == reason})
        if not found:  # so many other messages came before that this reason's are not remembered
            return reason
        words, _ = found.most_common(1)[0]
        if words.reply and len(self.questions.get(words, ())) >= _QUESTIONS:
            return f"{words.said}: “{words.reply}”"
        said = Counter[str]()
        for one, times in found.items():
            said[one.said] += times
        return said.most_common(1)[0][0]

    def is_too_bad(self, limit: float, *, complete: bool) -> bool:
        """Whether more answers are unusable than `limit` allows; see the head of the file."""
        if not self.unusable or limit >= 1:
            return False
        if complete:
            decided = self.calls >= _LEAST or self.unusable == self.calls
            return decided and self.unusable > limit * self.calls + 1e-9
        return self.calls >= FIRST and lower_bound(self.unusable, self.calls) > limit


Counts = Mapping[AskedRole, Counted]
Note = Callable[[Request, Outcome], Awaitable[None]]
"""Takes in an answer; raises where the build is to stop."""


class FailureTally:
    """Counts every answer once.

    Args:
        plan: of the release; it says how answers are read.
        accept: the share of unusable answers that the user accepts; the default where it is None.
    """

    def __init__(self, plan: MiningPlan, accept: float | None = None) -> None:
        self._plan = plan
        self._accept = accept
        self._seen = DigestSet()
        self.counts: dict[AskedRole, Counted] = {}

    def count(self, request: Request, outcome: Outcome) -> bool:
        """Whether the answer is the first to this request, and of no use."""
        if not self._seen.add(request.key):
            return False
        fault = fault_of(request, outcome, self._plan)
        counted = self.counts.setdefault(AskedRole(request.ask.task, request.model), Counted())
        counted.add(fault, request.messages[-1]["content"] if fault is not None else "")
        return fault is not None

    def check(self, *, complete: bool = False) -> None:
        """Does nothing where every role can use enough of its answers.

        Args:
            complete: whether every answer of the build is counted.

        Raises:
            UnusableAnswersError: one cannot.
        """
        check_counts(self.counts, self._accept, complete=complete)

    def records(self) -> tuple[AnswersRecord, ...]:
        """What the manifest says of the answers, by task and model.

        A model that was never asked in its role has a line without calls, so that its silence shows.
        """
        counts = dict(self.counts)
        for role, models in self._plan.models.items():
            for model in models:
                if not any(task.role is role and asked == model for task, asked in self.counts):
                    task = Task.STEP_JUDGE if model.only_labels_steps else Task(role.value)
                    counts[AskedRole(task, model)] = Counted()
        return tuple(_record(asked, counted) for asked, counted in _sorted(counts))


def check_counts(counts: Counts, accept: float | None, *, complete: bool = False) -> None:
    """As `FailureTally.check`, over counts from anywhere.

    Raises:
        UnusableAnswersError: more answers are unusable than the user accepts.
    """
    limit = _MOST_UNUSABLE if accept is None else accept
    for asked, counted in _sorted(counts):
        if not asked.model.is_baseline and counted.is_too_bad(limit, complete=complete):
            raise UnusableAnswersError(_stop_message(asked, counted, limit))


class Watched:
    """A completer whose answers are counted; once the build is to stop, it asks nothing more.

    Args:
        inner: what is asked.
        note: takes in every answer.
        stopped: why the build is to stop, once it is.
    """

    def __init__(self, inner: Completer, note: Note, stopped: list[UnusableAnswersError]) -> None:
        self._inner = inner
        self._note = note
        self._stopped = stopped

    async def complete(self, request: Request) -> Outcome:
        """The inner one's outcome.

        Raises:
            UnusableAnswersError: a role can use too few of its answers.
        """
        if self._stopped:
            raise UnusableAnswersError(str(self._stopped[0]))
        outcome = await self._inner.complete(request)
        try:
            await self._note(request, outcome)
        except UnusableAnswersError as error:
            self._stopped.append(error)
            raise
        return outcome


def watched(completers: Completers, note: Note) -> Completers:
    """The same models, their answers counted by `note`."""
    stopped: list[UnusableAnswersError] = []
    return {key: Watched(completer, note, stopped) for key, completer in completers.items()}


def watched_by(completers: Completers, tally: FailureTally) -> Completers:
    """The same models, their answers counted in `tally`, which stops them all."""

    async def note(request: Request, outcome: Outcome) -> None:
        if tally.count(request, outcome):
            tally.check()

    return watched(completers, note)


def lower_bound(hits: int, of: int) -> float:
    """The lower bound of the Wilson interval of a share."""
    share, square = hits / of, _Z * _Z / of
    spread = _Z * sqrt(share * (1 - share) / of + square / of / 4)
    return (share + square / 2 - spread) / (1 + square)


def advice_on_cut_offs(records: Iterable[AnswersRecord]) -> Iterator[str]:
    """A line for every task and model with many cut-off answers."""
    for one in records:
        cut = one.unusable.get(CUT_OFF, 0)
        if cut and cut >= _OFTEN_CUT_OFF * one.calls:
            yield (
                f"{one.task} of {one.model}: {cut} of {one.calls} answers were cut off. {_more_tokens(one.role)}, or "
                "choose another model; both are new calls"
            )


def _stop_message(asked: AskedRole, counted: Counted, limit: float) -> str:
    task, model = asked
    share, reasons = counted.unusable / counted.calls, counted.reasons.most_common()
    by_reason = ", ".join(f"{times} {reason}" for reason, times in reasons)
    role = f"the {task.role}" if task.value == task.role.value else f"the {task.role} (as {task.value})"
    worst = reasons[0][0]
    return (
        f"{role} {one_line(str(model), _SAID)}: {counted.unusable} of {counted.calls} answers ({share:.0%}) are of no "
        f"use ({by_reason}); {limit:.0%} is the most that is accepted. It said: {counted.message}. "
        f"{_way_out(worst, task)} Every answer so far is kept; --accept-failures SHARE (0 to 1) goes on all the same, "
        "and each unusable answer is then a dropped candidate"
    )


# What helps against the commonest reason, as a sentence.
def _way_out(reason: str, task: Task) -> str:
    role, another = task.role, f"name another model as --{_option_of(task.role)}"
    if reason == CUT_OFF:
        return f"{_more_tokens(role)}, or {another}."
    if reason == DropReason.EMPTY_REPLY:
        return f"A model that thinks needs --thinking {role}=N tokens on top of the answer's; or {another}."
    if reason == FailureReason.BAD_REQUEST:
        return (
            "Compare the server's chat template, context length and parameters with these words, and repeat the "
            f"command with --retry-failed once it is mended; or {another}."
        )
    if reason in TRANSIENT:
        return f"Look after the endpoint and repeat the command, which asks these calls again; or {another}."
    if reason == FailureReason.REFUSED:
        return f"The model or its provider's filter declines: {another}."
    return f"The model does not answer in the form that it is asked for: {another}."


def _more_tokens(role: Role) -> str:
    return (
        f"Give an answer more tokens with --max-tokens {role}=N, or a model that thinks first some on top with "
        f"--thinking {role}=N"
    )


def _option_of(role: Role) -> str:
    return Role.RESPONDER.value if role is Role.REWRITER else role.value


def _record(asked: AskedRole, counted: Counted) -> AnswersRecord:
    return AnswersRecord(
        role=asked.task.role,
        task=asked.task,
        model=str(asked.model),
        calls=counted.calls,
        usable=counted.calls - counted.unusable,
        unusable=dict(sorted(counted.reasons.items())),
        message=counted.message,
    )


def _sorted(counts: Counts) -> list[tuple[AskedRole, Counted]]:
    order = list(Task)
    return sorted(counts.items(), key=lambda one: (order.index(one[0].task), str(one[0].model)))
