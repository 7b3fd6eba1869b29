"""Rewrites replies under sampled personalities, so that the demonstrations do not all sound the same.

Each rewriting is checked twice for what it has to keep: by rules that see the coarsest changes (numbers, names, advice,
questions), and by the judges. A rewriting that fails is a drop; the original row stays.
"""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from ...prompts.context import draw_profile
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Completion, Outcome, Request, Role, Task
from ...schemas.text import words_of
from ...schemas.trace import Trace
from ...schemas.verdict import StyleVerdict
from ..mining.candidate import Drop
from ..mining.checks import unanswered, unanswering
from ..mining.plan import MiningPlan
from .candidate import TraceCandidate, TraceResult, unfit_reply

# Advice by its usual markers (our own list).
_ADVICE = re.compile(
    r"(?i)\b(you (should|could|need to|have to|must(?! (have|be|feel))|ought to|(might|may) want to)"
    r"|try (to|and)|try \w+ing|have you (tried|considered)|why don't you|how about|i('d| would)? ?(suggest|recommend)"
    r"|if i were you)\b"
)
# A capitalised word that begins no sentence.
_NAME = re.compile(r"(?<![.!?…\"“] )(?<!^)\b[A-Z][a-z]{2,}\b")


def style_requests(candidate: TraceCandidate, plan: MiningPlan) -> tuple[Request, ...]:
    """The stylist's requests for a row of `reasoning`; none where the stylist has no model."""
    if not plan.models.get(Role.STYLIST):
        return ()
    ask = Ask(
        task=Task.STYLIST,
        history=candidate.turn.history,
        strategy=candidate.said.strategy.strategy,
        reply=candidate.said.reply,
        profile=draw_profile(candidate.row_id, plan.spec.seed),
    )
    return tuple(plan.requests(ask))


def read_style(origin: TraceCandidate, plan: MiningPlan, request: Request, outcome: Outcome) -> TraceResult:
    """The rewriting of `origin` as a candidate, or dropped."""
    candidate = origin.with_(request=request, outcome=outcome, origin=origin, profile=request.ask.profile)
    if (found := unanswered(outcome)) is not None:
        return Drop(candidate, *found)
    assert isinstance(outcome, Completion), "anything else is unanswered"
    text = plan.prompts[Task.STYLIST].read(str, outcome)
    assert isinstance(text, str), "words are always read"
    if words_of(text) == words_of(origin.said.reply):
        return Drop(candidate, DropReason.SAME_REPLY)
    if (unfit := unfit_reply(text, Task.STYLIST, plan) or unanswering(text, plan)) is not None:
        return Drop(candidate, *unfit)
    if (change := _changed_by_rule(origin.said.reply, text)) is not None:
        return Drop(candidate, DropReason.NOT_KEPT, change)
    try:
        trace = Trace.model_validate({**dict(origin.said), "reply": text})
    except ValidationError:
        return Drop(candidate, DropReason.NOT_A_TRACE, "stray_tag")
    return candidate.with_(trace=trace, reply=trace.reply)


# A number, a name, advice or a question that a rewriting plainly changes; None where the rules see no change.
def _changed_by_rule(before: str, after: str) -> str | None:
    if _numbers(before) != _numbers(after):
        return "a number"
    if not set(_NAME.findall(after)) <= set(re.findall(r"\w+", before)):
        return "a new name"
    if _ADVICE.search(after) and not _ADVICE.search(before):
        return "new advice"
    return "a question" if ("?" in before) != ("?" in after) else None


def kept_requests(candidate: TraceCandidate, plan: MiningPlan) -> tuple[Request, ...]:
    """The requests to every judge about a rewriting."""
    assert candidate.origin is not None, "a rewriting has an origin"
    ask = Ask(
        task=Task.STYLE_JUDGE,
        history=candidate.turn.history,
        strategy=candidate.said.strategy.strategy,
        reply=candidate.origin.said.reply,
        other_reply=candidate.said.reply,
    )
    return tuple(plan.requests(ask))


def settle_style(candidate: TraceCandidate, plan: MiningPlan, outcomes: Sequence[Outcome]) -> TraceResult:
    """The rewriting, where more than half of the judges that can be read find strategy and facts kept."""
    answered = [outcome for outcome in outcomes if isinstance(outcome, Completion)]
    if not answered:
        return Drop(candidate, DropReason.JUDGE_FAILED)
    prompt = plan.prompts[Task.STYLE_JUDGE]
    answers = [prompt.read(StyleVerdict, outcome) for outcome in answered]
    read = [verdict for verdict in answers if isinstance(verdict, StyleVerdict)]
    if not read:
        return Drop(candidate, DropReason.UNPARSED_VERDICT)
    strategy = sum(not verdict.same_strategy for verdict in read)
    facts = sum(not verdict.same_facts for verdict in read)
    kept = sum(verdict.same_strategy and verdict.same_facts for verdict in read)
    if 2 * kept > len(read):
        return candidate
    return Drop(candidate, DropReason.NOT_KEPT, f"strategy: {strategy} of {len(read)} judges, facts: {facts}")


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))
