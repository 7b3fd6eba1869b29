"""The checks of one candidate: each keeps it, with more known of it, or drops it with one reason.

A released check never changes; a better one is a new step with the next number.
"""

from collections.abc import Mapping

from ...prompts.parsers.json_reply import CUT_ENDINGS, without_thinking
from ...prompts.parsers.strategy import JointReply, bracketed_strategy
from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.inference import Completion, Failed, FailureReason, Outcome, Task
from ...schemas.steps import BOUNDED_REPLY, KNOWN_MARKER, NO_REFUSAL
from ...schemas.strategy import Strategy
from ...schemas.text import words_of
from ...schemas.verdict import Unparsed
from ..safety.personal_data import reachable_person
from .candidate import Candidate, Drop, Result
from .plan import MiningPlan
from .reply_rules import marker_in, prompt_echo, refusal_in

# Characters of the longest reply that the step lets through: six times the longest turn of ESConv (our own choice).
_MOST_IN_A_REPLY = 5_000

_TASKS = {Config.STRATEGY: Task.PLANNER, Config.RESPONSE: Task.RESPONDER, Config.JOINT: Task.JOINT}

READ_AS: Mapping[Task, type] = {Task.PLANNER: Strategy, Task.RESPONDER: str, Task.JOINT: JointReply}
"""The result type that each task's prompt must parse to; specs are checked for it when they are loaded."""


def task_of(config: Config) -> Task:
    """The task whose answers are the candidates of a preference config."""
    return _TASKS[config]


def check_answered(candidate: Candidate, plan: MiningPlan) -> Result:
    """There is a reply, it is whole, and it has words."""
    if candidate.outcome is None:
        return Drop(candidate, DropReason.CALL_FAILED, "no answer was recorded")
    found = unanswered(candidate.outcome)
    return candidate if found is None else Drop(candidate, *found)


def unanswered(outcome: Outcome) -> tuple[DropReason, str] | None:
    """The reason why an outcome is not a whole reply with words, with its detail; None where it is one."""
    if isinstance(outcome, Failed):
        refused = outcome.reason is FailureReason.REFUSED
        reason = DropReason.REFUSED if refused else DropReason.CALL_FAILED
        return reason, f"{outcome.reason}: {outcome.detail}"
    if outcome.finish_reason in CUT_ENDINGS:
        return DropReason.CUT_OFF, f"after {outcome.completion_tokens} tokens"
    if outcome.finish_reason == "content_filter":
        return DropReason.REFUSED, "content_filter"
    return None if words_of(without_thinking(outcome.text)) else (DropReason.EMPTY_REPLY, "")


def check_strategy_named(candidate: Candidate, plan: MiningPlan) -> Result:
    """The reply names one of the eight strategies, where it has to; a joint reply is split into its two parts."""
    match _read(candidate, plan):
        case Strategy() as strategy:
            return candidate.with_(strategy=strategy)
        case JointReply(strategy=strategy, reply=reply):
            return candidate.with_(strategy=strategy, reply=reply)
        case Unparsed(reason=reason):
            empty = reason == "empty_reply"
            return Drop(candidate, DropReason.EMPTY_REPLY if empty else DropReason.NOT_A_STRATEGY)
        case words:
            return candidate.with_(strategy=candidate.turn.strategy, reply=words)


# The reply as the reader of its prompt reads it.
def _read(candidate: Candidate, plan: MiningPlan) -> Strategy | JointReply | str | Unparsed:
    outcome, task = candidate.outcome, task_of(candidate.config)
    if not isinstance(outcome, Completion):  # a spec may take this step before it drops unanswered candidates
        return Unparsed(reason="not_a_strategy", raw="")
    return plan.prompts[task].read(READ_AS[task], outcome)


def check_strategy_differs(candidate: Candidate, plan: MiningPlan) -> Result:
    """A strategy pair needs two strategies."""
    if candidate.config is Config.STRATEGY and candidate.strategy is candidate.turn.strategy:
        return Drop(candidate, DropReason.SAME_STRATEGY)
    return candidate


def check_plain_reply(candidate: Candidate, plan: MiningPlan) -> Result:
    """Neither side carries a bracketed strategy, and the inferred one repeats nothing of the prompt."""
    if candidate.reply is None:
        return candidate
    for side, text in (("inferred", candidate.reply), ("human", candidate.turn.text)):
        if (strategy := bracketed_strategy(text)) is not None:
            return Drop(candidate, DropReason.BRACKETED_STRATEGY, f"[{strategy}] in the {side} reply")
    echo = prompt_echo(candidate.reply, plan.prompts[task_of(candidate.config)].instructions)
    return candidate if echo is None else Drop(candidate, DropReason.PROMPT_ECHO, echo)


def check_reply_differs(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred words are not the human's, apart from case, punctuation and spacing."""
    if candidate.reply is not None and words_of(candidate.reply) == words_of(candidate.turn.text):
        return Drop(candidate, DropReason.SAME_REPLY)
    return candidate


def check_no_personal_data(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred reply holds no address, number or handle; names and places mostly come from the dialogue."""
    kinds = reachable_person(candidate.reply or "", plan.spec.safety.personal_data_rules)
    return Drop(candidate, DropReason.PERSONAL_DATA, ", ".join(kinds)) if kinds else candidate


def check_reply_bounded(candidate: Candidate, plan: MiningPlan) -> Result:
    """The reply is no longer than `_MOST_IN_A_REPLY`."""
    detail = too_long(candidate.raw or "", plan)
    return candidate if detail is None else Drop(candidate, DropReason.TOO_LONG, detail)


def too_long(reply: str, plan: MiningPlan) -> str | None:
    """The length of a model's reply without its thoughts, where it exceeds the release's bound; else None."""
    if not plan.spec.has_step(BOUNDED_REPLY) or len(reply) <= _MOST_IN_A_REPLY:
        return None
    size = len(without_thinking(reply).strip())
    return f"{size} characters, and a reply may have {_MOST_IN_A_REPLY}" if size > _MOST_IN_A_REPLY else None


def check_known_marker(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred reply begins with no marker of unknown meaning; before or after its strategy is read."""
    marker = marker_in(_words_of(candidate, plan))
    return candidate if marker is None else Drop(candidate, DropReason.UNKNOWN_MARKER, marker)


def check_no_refusal(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred reply does not decline to answer, and no machine speaks of itself in it."""
    kind = refusal_in(_words_of(candidate, plan))
    return candidate if kind is None else Drop(candidate, DropReason.REFUSED, f"by rule: {kind}")


def unanswering(text: str, plan: MiningPlan) -> tuple[DropReason, str] | None:
    """The two checks above for other replies of models (a rewriting, a trace's reply), where the release has them."""
    if plan.spec.has_step(KNOWN_MARKER) and (marker := marker_in(text)) is not None:
        return DropReason.UNKNOWN_MARKER, marker
    if plan.spec.has_step(NO_REFUSAL) and (kind := refusal_in(text)) is not None:
        return DropReason.REFUSED, f"by rule: {kind}"
    return None


# The reply's words without its strategy, before or after it was read; empty for a reply that is a strategy.
def _words_of(candidate: Candidate, plan: MiningPlan) -> str:
    if candidate.reply is not None:
        return candidate.reply
    match _read(candidate, plan):
        case Strategy():
            return ""
        case JointReply(reply=reply):
            return reply
    return without_thinking(candidate.raw or "").strip()


def check_three_errors(candidate: Candidate, plan: MiningPlan) -> Result:
    """As the IPM paper filters: the human's reply has none of the errors, the inferred one has at least one."""
    chosen, rejected = candidate.chosen_verdict, candidate.rejected_verdict
    if chosen is None or rejected is None:
        return candidate
    if chosen.error is not None:
        return Drop(candidate, DropReason.CHOSEN_FLAWED, chosen.error)
    return candidate if rejected.error is not None else Drop(candidate, DropReason.REJECTED_SOUND)
