"""The checks that a candidate goes through: each keeps it, with more known of it, or drops it with one reason.

A released check is never changed; a better one gets a new number in `steps`.
"""

import re
from functools import lru_cache

from ...prompts.parsers.strategy import JointReply, bracketed_strategy, read_joint, read_strategy
from ...prompts.parsers.thinking import without_thinking
from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.inference import Failed, FailureReason, Outcome, Task
from ...schemas.text import words_of
from ...schemas.verdict import Unparsed
from ..safety.personal_data import reachable_person
from .candidate import Candidate, Drop, Result
from .markers import marker_in
from .plan import MiningPlan
from .refusals import refusal_in

_CUT_OFF = frozenset({"length", "max_tokens"})
# White space before a label is looked at within its line: across thousands of empty lines it would take their square.
_ROLE_LABEL = re.compile(r"(?im)^[^\S\n]*+(seeker|supporter|assistant|user|system)\s*:|<\|\w+\|>")
REPLY_BOUNDED = "bounded_reply@1"
"""The step that bounds a reply; of traces and of rewritten replies, too."""
MOST_IN_A_REPLY = 5_000
"""Characters of the longest reply that the step lets through: six times the longest turn of ESConv (our own choice)."""
_ECHO_WORDS = 8
"""Words in a row that no reply shares with the instructions by chance (our own choice)."""

_TASKS = {Config.STRATEGY: Task.PLANNER, Config.RESPONSE: Task.RESPONDER, Config.JOINT: Task.JOINT}


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
    """Why an outcome is no whole reply with words, or None where it is one."""
    if isinstance(outcome, Failed):
        refused = outcome.reason is FailureReason.REFUSED
        reason = DropReason.REFUSED if refused else DropReason.CALL_FAILED
        return reason, f"{outcome.reason}: {outcome.detail}"
    if outcome.finish_reason in _CUT_OFF:
        return DropReason.CUT_OFF, f"after {outcome.completion_tokens} tokens"
    if outcome.finish_reason == "content_filter":
        return DropReason.REFUSED, "content_filter"
    return None if words_of(without_thinking(outcome.text)) else (DropReason.EMPTY_REPLY, "")


def check_strategy_named(candidate: Candidate, plan: MiningPlan) -> Result:
    """The reply names one of the eight strategies, where it has to; a joint reply is taken apart."""
    raw = without_thinking(candidate.raw or "").strip()
    if candidate.config is Config.RESPONSE:
        return candidate.with_(strategy=candidate.turn.strategy, reply=raw)
    read = read_strategy(raw) if candidate.config is Config.STRATEGY else read_joint(raw)
    if isinstance(read, Unparsed):
        empty = read.reason == "empty_reply"
        return Drop(candidate, DropReason.EMPTY_REPLY if empty else DropReason.NOT_A_STRATEGY)
    if isinstance(read, JointReply):
        return candidate.with_(strategy=read.strategy, reply=read.reply)
    return candidate.with_(strategy=read)


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


def prompt_echo(reply: str, instructions: str) -> str | None:
    """What a reply repeats of its prompt, or None."""
    if _ROLE_LABEL.search(reply):
        return "a role label"
    if not _windows(reply).isdisjoint(_instruction_windows(instructions)):
        return f"{_ECHO_WORDS} words of the instructions"
    return None


def check_reply_differs(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred words are not the human's, apart from case, punctuation and spacing."""
    if candidate.reply is not None and words_of(candidate.reply) == words_of(candidate.turn.text):
        return Drop(candidate, DropReason.SAME_REPLY)
    return candidate


def check_no_personal_data(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred reply gives nobody's address, number or handle; names and places are mostly the dialogue's own."""
    kinds = reachable_person(candidate.reply or "", plan.spec.safety.personal_data_rules)
    return Drop(candidate, DropReason.PERSONAL_DATA, ", ".join(kinds)) if kinds else candidate


def check_reply_bounded(candidate: Candidate, plan: MiningPlan) -> Result:
    """The reply is no longer than `MOST_IN_A_REPLY`."""
    detail = too_long(candidate.raw or "", plan)
    return candidate if detail is None else Drop(candidate, DropReason.TOO_LONG, detail)


def too_long(reply: str, plan: MiningPlan) -> str | None:
    """How long a model's reply is, without its thoughts, where the release bounds it and it is longer; else None."""
    if REPLY_BOUNDED not in plan.spec.steps or len(reply) <= MOST_IN_A_REPLY:
        return None
    size = len(without_thinking(reply).strip())
    return f"{size} characters, and a reply may have {MOST_IN_A_REPLY}" if size > MOST_IN_A_REPLY else None


def check_known_marker(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred reply begins with no marker of unknown meaning; before or after its strategy is read."""
    marker = marker_in(_words_of(candidate))
    return candidate if marker is None else Drop(candidate, DropReason.UNKNOWN_MARKER, marker)


def check_no_refusal(candidate: Candidate, plan: MiningPlan) -> Result:
    """The inferred reply does not decline to answer, and no machine speaks of itself in it."""
    kind = refusal_in(_words_of(candidate))
    return candidate if kind is None else Drop(candidate, DropReason.REFUSED, f"by rule: {kind}")


def unanswering(text: str, plan: MiningPlan) -> tuple[DropReason, str] | None:
    """The same of other words of models (a rewriting, a trace's reply), where the release has these steps."""
    if "known_marker@1" in plan.spec.steps and (marker := marker_in(text)) is not None:
        return DropReason.UNKNOWN_MARKER, marker
    if "no_refusal@1" in plan.spec.steps and (kind := refusal_in(text)) is not None:
        return DropReason.REFUSED, f"by rule: {kind}"
    return None


def _words_of(candidate: Candidate) -> str:
    """What was said besides a strategy; empty where a strategy alone was asked for and named."""
    if candidate.reply is not None:
        return candidate.reply
    raw = without_thinking(candidate.raw or "").strip()
    if candidate.config is Config.STRATEGY and not isinstance(read_strategy(raw), Unparsed):
        return ""
    read = read_joint(raw) if candidate.config is Config.JOINT else None
    return read.reply if isinstance(read, JointReply) else raw


def check_three_errors(candidate: Candidate, plan: MiningPlan) -> Result:
    """As the IPM paper filters: the human's reply has none of the errors, the inferred one has at least one."""
    chosen, rejected = candidate.chosen_verdict, candidate.rejected_verdict
    if chosen is None or rejected is None:
        return candidate
    if chosen.error is not None:
        return Drop(candidate, DropReason.CHOSEN_FLAWED, chosen.error)
    return candidate if rejected.error is not None else Drop(candidate, DropReason.REJECTED_SOUND)


def _windows(text: str) -> frozenset[tuple[str, ...]]:
    words = words_of(text)
    return frozenset(tuple(words[at : at + _ECHO_WORDS]) for at in range(len(words) - _ECHO_WORDS + 1))


@lru_cache
def _instruction_windows(instructions: str) -> frozenset[tuple[str, ...]]:
    return _windows(instructions)
