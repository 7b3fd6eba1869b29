"""Rewrites flawed human replies under the same strategy, where the maintainer asks for it.

The panel judges the rewritten reply again like any other; the row says that the words are not the human's.
"""

from ...prompts.parsers.strategy import bracketed_strategy
from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.inference import Ask, Completion, Outcome, Request, Role, Task
from ...schemas.rows.layout_2 import Rewrite
from ...schemas.text import words_of
from ..safety.personal_data import reachable_person
from .candidate import Candidate, Drop, Result, call_of
from .checks import too_long, unanswered, unanswering
from .panel import Vote, commonest_error, votes_of
from .plan import MiningPlan
from .reply_rules import prompt_echo


def rewriting_requests(candidate: Candidate, plan: MiningPlan) -> tuple[Request, ...]:
    """The rewriter's request, where most judges find the human's words flawed and the rewriter has a model."""
    error = _flaw(candidate, plan)
    if error is None or not plan.models.get(Role.REWRITER):
        return ()
    ask = Ask(
        task=Task.REWRITER,
        history=candidate.turn.history,
        strategy=candidate.turn.strategy,
        reply=candidate.turn.text,
        error=error,
    )
    return tuple(plan.requests(ask))[:1]


def _flaw(candidate: Candidate, plan: MiningPlan) -> ErrorType | None:
    if candidate.config is Config.STRATEGY:
        return None
    votes = votes_of(candidate.judgements)
    if 2 * votes.count(Vote.CHOSEN_FLAWED) <= len(votes):
        return None
    return commonest_error([one.chosen_error for one in candidate.judgements], plan.spec.errors)


def settle_rewriting(
    candidate: Candidate, plan: MiningPlan, requests: tuple[Request, ...], outcomes: tuple[Outcome, ...]
) -> Result:
    """The candidate with the rewritten words as its chosen side; dropped as flawed where they cannot be used."""
    error = _flaw(candidate, plan)
    if not requests or error is None:
        return candidate
    request, outcome = requests[0], outcomes[0]
    text = plan.prompts[Task.REWRITER].read(str, outcome) if isinstance(outcome, Completion) else ""
    assert isinstance(text, str), "words are always read"
    if problem := _problem(candidate, plan, outcome, text):
        return Drop(candidate, DropReason.CHOSEN_FLAWED, f"{error}; rewritten: {problem}")
    rewrite = Rewrite(**call_of(request), original=candidate.turn.text, error=error)
    return candidate.with_(rewrite=rewrite, rewritten=text, judgements=())


def _problem(candidate: Candidate, plan: MiningPlan, outcome: Outcome, text: str) -> str | None:
    """What is wrong with a rewriting, or None."""
    if (found := unanswered(outcome)) is not None:
        return f"{found[0]} {found[1]}".strip()
    if (detail := too_long(text, plan)) is not None:
        return detail
    if words_of(text) == words_of(candidate.turn.text):
        return "nothing was changed"
    if words_of(text) == words_of(candidate.reply or ""):
        return "it is the inferred reply"
    if bracketed_strategy(text) is not None:
        return DropReason.BRACKETED_STRATEGY
    if echo := prompt_echo(text, plan.prompts[Task.REWRITER].instructions):
        return f"it repeats {echo}"
    if found := unanswering(text, plan):
        return f"{found[0]} {found[1]}"
    return "personal data" if reachable_person(text, plan.spec.safety.personal_data_rules) else None
