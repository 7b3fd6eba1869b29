"""Counts a build's usable and unusable answers, and stops the build when a role can use too few of them.

An endpoint may answer every call and still give nothing: its chat template refuses the prompt, its model thinks until
its tokens are spent, its judge declines. Each such answer is a named drop. That is right for one of them and wrong for
all of them: the build would spend its whole budget on a release without rows. So every answer is counted by task and
model, and the build stops

* while it collects, when at least `FIRST` answers are counted and the share of unusable ones is above the limit with
  certainty, that is with the lower bound of its Wilson interval (z = 3; Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).
  With the default limit of a half, twenty failures of twenty are enough, and so are 60 % of two hundred answers;
* before it publishes the release to its folder, when the plain share is above the limit, or when no answer was usable:
  then everything is known, and uncertainty is no reason to go on.

Both figures and the limit are our own design. Recorded answers count like new ones: a build that was stopped stops
again at once, without a call, until the command changes. The embedded models are counted and never stop a build: if
they have too little to answer from, no endpoint failed, and no other command would help.
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

_MOST_UNUSABLE = 0.5
"""The share of unusable answers that a build accepts of a task and model unless the command names another."""
FIRST = 20
"""Answers of a task and model that have to be counted before a build stops while it collects."""
_OFTEN_CUT_OFF = 0.1
"""The share of cut-off answers from which the end of a build names the options that help."""
CUT_OFF = DropReason.CUT_OFF.value
"""The reason that `--max-tokens` and `--thinking` help against."""

_LEAST = 5
"""Answers from which the share decides at the end; with fewer, only a total failure does."""
# Three standard errors: by chance alone, a share that is just acceptable stops one build in 740.
_Z = 3.0
# Characters of an error message, and of a reply, that a message quotes.
_SAID = 160
_QUOTED = 60
_QUESTIONS = 3
"""So many different requests must get the same beginning of a reply before we quote it: no dialogue's words show."""
_MESSAGES = 200
"""Different messages that are remembered of a task and model."""


class TaskModel(NamedTuple):
    """A task, and the model that was called for it."""

    task: Task
    model: ModelRef


class UnusableReason(NamedTuple):
    """Why an answer is of no use to its task."""

    reason: str
    """The value of a `FailureReason` if the call failed, of a `DropReason` if a reply came."""
    said: str
    """The endpoint's words, or what is wrong with the reply."""
    reply: str = ""
    """The reply as it came; empty if the call failed."""


class Words(NamedTuple):
    """An `UnusableReason` with its texts on one line and shortened."""

    reason: str
    said: str
    reply: str


@dataclass
class AnswerCounts:
    """Counts of the answers of one model to one task."""

    calls: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Unusable answers by reason."""
    words: Counter[Words] = field(default_factory=Counter)
    """The same by message, for the first `_MESSAGES` different ones."""
    questions: dict[Words, frozenset[int]] = field(default_factory=dict)
    """Digests of some of the questions that got a message."""

    @property
    def unusable(self) -> int:
        return self.reasons.total()

    def add(self, fault: UnusableReason | None, question: str) -> None:
        """Counts one answer to `question`; `fault` is None if it is usable."""
        self.calls += 1
        if fault is None:
            return
        self.reasons[fault.reason] += 1
        words = Words(fault.reason, one_line(fault.said, _SAID), one_line(fault.reply, _QUOTED))
        if words in self.words or len(self.words) < _MESSAGES:
            self.words[words] += 1
            if len(asked := self.questions.get(words, frozenset())) < _QUESTIONS:
                self.questions[words] = asked | {crc32(question.encode())}

    def plus(self, other: Self) -> "AnswerCounts":
        questions = {words: self.questions.get(words, frozenset()) | asked for words, asked in other.questions.items()}
        return AnswerCounts(
            self.calls + other.calls,
            self.reasons + other.reasons,
            self.words + other.words,
            {**self.questions, **questions},
        )

    @property
    def message(self) -> str | None:
        """The commonest message of the commonest reason, None if every answer is usable.

        It quotes the beginning of the reply if several different questions got it.
        """
        if not self.reasons:
            return None
        reason, _ = self.reasons.most_common(1)[0]
        found = Counter({words: times for words, times in self.words.items() if words.reason == reason})
        if not found:  # other reasons have filled the memory for messages
            return reason
        words, _ = found.most_common(1)[0]
        if words.reply and len(self.questions.get(words, ())) >= _QUESTIONS:
            return f"{words.said}: “{words.reply}”"
        said = Counter[str]()
        for one, times in found.items():
            said[one.said] += times
        return said.most_common(1)[0][0]

    def exceeds(self, limit: float, *, complete: bool) -> bool:
        """Whether more answers are unusable than `limit` allows; see the head of the file."""
        if not self.unusable or limit >= 1:
            return False
        if complete:
            decided = self.calls >= _LEAST or self.unusable == self.calls
            return decided and self.unusable > limit * self.calls + 1e-9
        return self.calls >= FIRST and lower_bound(self.unusable, self.calls) > limit


class FailureTally:
    """Counts the answer to every request once.

    Args:
        plan: of the release; it says how answers are read.
        accept: the share of unusable answers that the user accepts; None is `_MOST_UNUSABLE`.
    """

    def __init__(self, plan: MiningPlan, accept: float | None = None) -> None:
        self._plan = plan
        self._accept = accept
        self._seen = DigestSet()
        self.counts: dict[TaskModel, AnswerCounts] = {}

    def count(self, request: Request, outcome: Outcome) -> bool:
        """Counts the first answer to a request; returns whether it is the first and unusable."""
        if not self._seen.add(request.key):
            return False
        fault = find_fault(request, outcome, self._plan)
        counted = self.counts.setdefault(TaskModel(request.ask.task, request.model), AnswerCounts())
        counted.add(fault, request.messages[-1]["content"] if fault is not None else "")
        return fault is not None

    def check(self, *, complete: bool = False) -> None:
        """Checks that every role can use enough of its answers.

        Args:
            complete: whether every answer of the build is counted.

        Raises:
            UnusableAnswersError: a role cannot.
        """
        check_counts(self.counts, self._accept, complete=complete)

    def records(self) -> tuple[AnswersRecord, ...]:
        """The manifest's record of the answers of each task and model.

        A model that was never called in its role has a record without calls, so that its silence shows.
        """
        counts = dict(self.counts)
        for role, models in self._plan.models.items():
            for model in models:
                if not any(task.role is role and asked == model for task, asked in self.counts):
                    task = Task.STEP_JUDGE if model.only_labels_steps else Task(role.value)
                    counts[TaskModel(task, model)] = AnswerCounts()
        return tuple(
            AnswersRecord(
                role=task.role,
                task=task,
                model=str(model),
                calls=counted.calls,
                usable=counted.calls - counted.unusable,
                unusable=dict(sorted(counted.reasons.items())),
                message=counted.message,
            )
            for (task, model), counted in _sorted(counts)
        )


def check_counts(counts: Mapping[TaskModel, AnswerCounts], accept: float | None, *, complete: bool = False) -> None:
    """As `FailureTally.check`, for counts of several tallies.

    Raises:
        UnusableAnswersError: more answers are unusable than the user accepts.
    """
    limit = _MOST_UNUSABLE if accept is None else accept
    for asked, counted in _sorted(counts):
        if not asked.model.is_baseline and counted.exceeds(limit, complete=complete):
            raise UnusableAnswersError(_stop_message(asked, counted, limit))


Note = Callable[[Request, Outcome], Awaitable[None]]
"""Counts an answer; raises `UnusableAnswersError` if the build has to stop."""


class WatchedCompleter:
    """A completer whose answers are counted by `note`; once `stopped` holds an error, it makes no more calls."""

    def __init__(self, inner: Completer, note: Note, stopped: list[UnusableAnswersError]) -> None:
        self._inner = inner
        self._note = note
        self._stopped = stopped

    async def complete(self, request: Request) -> Outcome:
        """The inner completer's outcome.

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


def watch_answers(completers: Completers, note: Note) -> Completers:
    """The same models, their answers counted by `note`; when it raises, all of them stop."""
    stopped: list[UnusableAnswersError] = []
    return {key: WatchedCompleter(completer, note, stopped) for key, completer in completers.items()}


def watch_with(completers: Completers, tally: FailureTally) -> Completers:
    """The same models, their answers counted in `tally`."""

    async def note(request: Request, outcome: Outcome) -> None:
        if tally.count(request, outcome):
            tally.check()

    return watch_answers(completers, note)


def lower_bound(hits: int, of: int) -> float:
    """The lower bound of the Wilson interval of a share."""
    share, square = hits / of, _Z * _Z / of
    spread = _Z * sqrt(share * (1 - share) / of + square / of / 4)
    return (share + square / 2 - spread) / (1 + square)


_UNPARSED = {
    Task.PLANNER: DropReason.NOT_A_STRATEGY,
    Task.JOINT: DropReason.NOT_A_STRATEGY,
    Task.REASONER: DropReason.NOT_A_TRACE,
}
"""The reason for a reply that cannot be read; for a judge's it is an unparsed verdict."""
_REPLIES = frozenset({Task.RESPONDER, Task.JOINT, Task.REWRITER, Task.STYLIST, Task.REASONER})
"""The tasks whose prompts ask for a reply to the seeker."""
_PARSER_REASONS = {"empty_reply": DropReason.EMPTY_REPLY, "unknown_strategy": DropReason.NOT_A_STRATEGY}
"""The drop reasons of what parsers call by other names."""


def find_fault(request: Request, outcome: Outcome, plan: MiningPlan) -> UnusableReason | None:
    """Why an answer is of no use to its task; None if it is usable.

    The answer is read with the reader of its prompt, as the mining steps do: it is unusable where they drop the
    candidate, or leave the verdict out, because of the answer itself. One thing counts here for every spec that only
    newer ones drop: a refusal in words, since a model that declines most requests makes no data.

    A judge's answer is usable if a verdict can be read in it, however it ended; other replies also have to be complete.
    """
    if isinstance(outcome, Failed):
        return UnusableReason(outcome.reason.value, outcome.detail)
    task = request.ask.task
    unread = _unread(request, outcome, plan)
    if task.role is Role.JUDGE and unread is None:
        return None
    if (found := unanswered(outcome)) is not None:
        nothing = "" if without_thinking(outcome.text).strip() else ", without a word of an answer"
        ended = f"finish_reason {outcome.finish_reason} after {outcome.completion_tokens} tokens{nothing}"
        return UnusableReason(found[0].value, ended, outcome.text)
    return unread


def _unread(request: Request, outcome: Completion, plan: MiningPlan) -> UnusableReason | None:
    task = request.ask.task
    offered = (ErrorType.STRATEGY_MISMATCH,) if task is Task.STRATEGY_JUDGE else plan.spec.errors
    read = plan.prompts[task].reader.read(outcome, Offered(errors=offered, turns=len(request.ask.history)))
    if isinstance(read, Unparsed):
        reason = _PARSER_REASONS.get(read.reason) or _UNPARSED.get(task, DropReason.UNPARSED_VERDICT)
        return UnusableReason(reason.value, read.reason.replace("_", " "), outcome.text)
    words = read.reply if isinstance(read, JointReply | Trace) else read
    if isinstance(words, str) and task in _REPLIES and (kind := refusal_in(words)) is not None:
        return UnusableReason(DropReason.REFUSED.value, f"declined in words: {kind}", outcome.text)
    return None


def advice_on_cut_offs(records: Iterable[AnswersRecord]) -> Iterator[str]:
    """A line for every task and model with many answers that were cut off."""
    for one in records:
        cut = one.unusable.get(CUT_OFF, 0)
        if cut and cut >= _OFTEN_CUT_OFF * one.calls:
            yield (
                f"{one.task} of {one.model}: {cut} of {one.calls} answers were cut off. {_more_tokens(one.role)}, or "
                "choose another model; both are new calls"
            )


def _stop_message(asked: TaskModel, counted: AnswerCounts, limit: float) -> str:
    task, model = asked
    share, reasons = counted.unusable / counted.calls, counted.reasons.most_common()
    by_reason = ", ".join(f"{times} {reason}" for reason, times in reasons)
    role = f"the {task.role}" if task.value == task.role.value else f"the {task.role} (as {task.value})"
    found = f"{counted.unusable} of {counted.calls} answers ({share:.0%}) are unusable ({by_reason})"
    return (
        f"{role} {one_line(str(model), _SAID)}: {found}; at most {limit:.0%} is accepted. Message: {counted.message}. "
        f"{_remedy(reasons[0][0], task)} Every answer so far is kept; with --accept-failures SHARE (0 to 1) the build "
        "continues, and each unusable answer becomes a dropped candidate"
    )


def _remedy(reason: str, task: Task) -> str:
    """Advice on the commonest reason, as a sentence."""
    role = task.role
    option = Role.RESPONDER.value if role is Role.REWRITER else role.value
    another = f"name another model as --{option}"
    if reason == CUT_OFF:
        return f"{_more_tokens(role)}, or {another}."
    if reason == DropReason.EMPTY_REPLY:
        return f"A model that thinks needs --thinking {role}=N tokens on top of the answer's; or {another}."
    if reason == FailureReason.BAD_REQUEST:
        return (
            "Compare the server's chat template, context length and parameters with this message, fix them, and repeat "
            f"the command with --retry-failed; or {another}."
        )
    if reason in TRANSIENT:
        return f"Check the endpoint and repeat the command, which repeats these calls; or {another}."
    if reason == FailureReason.REFUSED:
        return f"The model or its provider's filter declines: {another}."
    return f"The model does not answer in the form that the prompt asks for: {another}."


def _more_tokens(role: Role) -> str:
    return (
        f"Give an answer more tokens with --max-tokens {role}=N, or a model that thinks first some on top with "
        f"--thinking {role}=N"
    )


def _sorted(counts: Mapping[TaskModel, AnswerCounts]) -> list[tuple[TaskModel, AnswerCounts]]:
    order = list(Task)
    return sorted(counts.items(), key=lambda one: (order.index(one[0].task), str(one[0].model)))
