"""Says of every answer whether its task can use it: the one place where answers are judged for counts and stops.

It reads each answer with the parser that the steps use, so an answer counts as unusable exactly where the steps drop
the candidate, or leave the verdict out, because of the answer itself. A parser that a new step uses belongs here too.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...prompts.parsers.crisis import read_crisis
from ...prompts.parsers.step_labels import read_kept, read_step_labels
from ...prompts.parsers.strategy import read_joint, read_strategy
from ...prompts.parsers.thinking import without_thinking
from ...prompts.parsers.trace_json import read_trace
from ...prompts.parsers.verdict import read_comparison, read_verdict
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.inference import Completion, Failed, Outcome, Request, Role, Task
from ...schemas.spec import BuildSpec
from ...schemas.verdict import Unparsed
from .checks import unanswered
from .plan import MiningPlan

CUT_OFF = DropReason.CUT_OFF.value
"""The reason that `--max-tokens` and `--thinking` help against."""


class Fault(NamedTuple):
    """Why an answer is of no use to its task."""

    reason: str
    """The value of a `FailureReason` where the call failed, of a `DropReason` where a reply came."""
    said: str
    """The endpoint's words, or what is wrong with the reply."""
    reply: str = ""
    """The reply as it came; empty where the call failed."""


Reader = Callable[[str, Request, BuildSpec], object]
"""Reads the text of a reply; gives `Unparsed` where it holds nothing that was asked for."""

_READERS: Mapping[Task, Reader] = {
    Task.PLANNER: lambda text, request, spec: read_strategy(without_thinking(text).strip()),
    Task.JOINT: lambda text, request, spec: read_joint(without_thinking(text).strip()),
    Task.JUDGE: lambda text, request, spec: (
        read_verdict(text, spec.errors) if request.ask.other_reply is None else read_comparison(text, spec.errors)
    ),
    Task.STRATEGY_JUDGE: lambda text, request, spec: read_comparison(text, (ErrorType.STRATEGY_MISMATCH,)),
    Task.CRISIS_JUDGE: lambda text, request, spec: read_crisis(text, len(request.ask.history)),
    Task.REASONER: lambda text, request, spec: read_trace(text),
    Task.STEP_JUDGE: lambda text, request, spec: read_step_labels(text),
    Task.STYLE_JUDGE: lambda text, request, spec: read_kept(text),
}
"""How the replies to a task are read; those to other tasks are the words themselves."""

_UNPARSED = {
    Task.PLANNER: DropReason.NOT_A_STRATEGY,
    Task.JOINT: DropReason.NOT_A_STRATEGY,
    Task.REASONER: DropReason.NOT_A_TRACE,
}
"""What a reply is that cannot be read; of a judge's, an unparsed verdict."""
_NAMED = {"empty_reply": DropReason.EMPTY_REPLY, "unknown_strategy": DropReason.NOT_A_STRATEGY}
"""What a parser's own word for it comes to in the steps."""


def fault_of(request: Request, outcome: Outcome, plan: MiningPlan) -> Fault | None:
    """Why an answer is of no use to the task that asked for it; None where it is of use.

    A judge's answer is of use where a whole verdict can be read in it, however it ended; any other reply has to be
    whole, too.
    """
    if isinstance(outcome, Failed):
        return Fault(outcome.reason.value, outcome.detail)
    task = request.ask.task
    unread = _unread(request, outcome, plan)
    if task.role is Role.JUDGE and unread is None:
        return None
    if (found := unanswered(outcome)) is not None:
        return Fault(found[0].value, _ended(outcome), outcome.text)
    return unread


def _unread(request: Request, outcome: Completion, plan: MiningPlan) -> Fault | None:
    task = request.ask.task
    read = _READERS[task](outcome.text, request, plan.spec) if task in _READERS else None
    if not isinstance(read, Unparsed):
        return None
    reason = _NAMED.get(read.reason) or _UNPARSED.get(task, DropReason.UNPARSED_VERDICT)
    return Fault(reason.value, read.reason.replace("_", " "), outcome.text)


def _ended(outcome: Completion) -> str:
    """How a reply ended that is not whole or has no words."""
    nothing = "" if without_thinking(outcome.text).strip() else ", without a word of an answer"
    return f"finish_reason {outcome.finish_reason} after {outcome.completion_tokens} tokens{nothing}"
