"""Says of every answer whether its task can use it: the one place where answers are judged for counts and stops.

It reads each answer with the reader of its prompt, as the steps do, so an answer counts as unusable where the steps
drop the candidate, or leave the verdict out, because of the answer itself. One thing counts here for every spec that
only newer ones drop: a refusal in words. A model that declines most of what it is asked makes no data.
"""

from typing import NamedTuple

from ...prompts.parsers.strategy import JointReply
from ...prompts.parsers.thinking import without_thinking
from ...prompts.readers import Offered
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.inference import Completion, Failed, Outcome, Request, Role, Task
from ...schemas.trace import Trace
from ...schemas.verdict import Unparsed
from .checks import unanswered
from .plan import MiningPlan
from .refusals import refusal_in

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


_UNPARSED = {
    Task.PLANNER: DropReason.NOT_A_STRATEGY,
    Task.JOINT: DropReason.NOT_A_STRATEGY,
    Task.REASONER: DropReason.NOT_A_TRACE,
}
"""What a reply is that cannot be read; of a judge's, an unparsed verdict."""
_IN_WORDS = frozenset({Task.RESPONDER, Task.JOINT, Task.REWRITER, Task.STYLIST, Task.REASONER})
"""The tasks that are asked for a reply to the seeker."""
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
    offered = (ErrorType.STRATEGY_MISMATCH,) if task is Task.STRATEGY_JUDGE else plan.spec.errors
    read = plan.prompts[task].reader.read(outcome, Offered(errors=offered, turns=len(request.ask.history)))
    if isinstance(read, Unparsed):
        reason = _NAMED.get(read.reason) or _UNPARSED.get(task, DropReason.UNPARSED_VERDICT)
        return Fault(reason.value, read.reason.replace("_", " "), outcome.text)
    words = read.reply if isinstance(read, JointReply | Trace) else read
    if isinstance(words, str) and task in _IN_WORDS and (kind := refusal_in(words)) is not None:
        return Fault(DropReason.REFUSED.value, f"declined in words: {kind}", outcome.text)
    return None


def _ended(outcome: Completion) -> str:
    """How a reply ended that is not whole or has no words."""
    nothing = "" if without_thinking(outcome.text).strip() else ", without a word of an answer"
    return f"finish_reason {outcome.finish_reason} after {outcome.completion_tokens} tokens{nothing}"
