"""Labels the steps of traces: judges that know neither the author nor each other vote, and written rules overrule.

Each judge labels all four steps as right or wrong. The human supporter's choice counts as well: a strategy that is the
human's gets one more vote; another strategy gets none against it, since several may fit one moment.
"""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from ...prompts.context import draw_profile
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Completion, Failed, Outcome, Request, Role, Task
from ...schemas.rows.reasoning import StepJudgement, StepPanel
from ...schemas.text import words_of
from ...schemas.trace import Step, Trace
from ...schemas.verdict import StepVerdict, StyleVerdict, Unparsed
from ..mining.candidate import Drop, call_of
from ..mining.checks import unanswered, unanswering
from ..mining.plan import MiningPlan
from ..mining.trace_rules import contradictions
from .candidate import TraceCandidate, TraceResult, unfit_reply

# The reason of the human's vote, where no judge gives one.
_HUMANS_REASON = "The human supporter chose this strategy here."


def step_requests(candidate: TraceCandidate, plan: MiningPlan) -> tuple[Request, ...]:
    """The requests to every judge about a trace."""
    return tuple(plan.requests(Ask(task=Task.STEP_JUDGE, history=candidate.turn.history, trace=candidate.said)))


def settle_labels(
    candidate: TraceCandidate, plan: MiningPlan, requests: Sequence[Request], outcomes: Sequence[Outcome]
) -> TraceResult:
    """The candidate with a label for every step; dropped where no answer can be read, or the votes are even."""
    judgements = tuple(_judgement(plan, *asked) for asked in zip(requests, outcomes, strict=True))
    candidate = candidate.with_(step_judgements=judgements)
    read = [one for one in judgements if one.problem is None]
    if not read:
        failed = all(one.raw is None for one in judgements)
        return Drop(candidate, DropReason.JUDGE_FAILED if failed else DropReason.UNPARSED_VERDICT)
    none = sum(_says_no_reply(plan, *asked) for asked in zip(requests, outcomes, strict=True))
    if 2 * none > len(read):
        return Drop(candidate, DropReason.REFUSED, f"no_reply: {none} of {len(read)} judges")
    assert plan.spec.reasoning is not None, "checked when the spec was read"
    wrong = contradictions(candidate.said, candidate.turn.history, plan.spec.reasoning.rules)
    same = candidate.strategy is candidate.turn.strategy
    panels = [_panel_of(step, read, wrong.get(step), human=same and step is Step.STRATEGY) for step in Step]
    ties = [step for step, panel in zip(Step, panels, strict=True) if panel is None]
    if ties:
        return Drop(candidate, DropReason.STEP_TIE, ", ".join(ties))
    return candidate.with_(panels=tuple(panel for panel in panels if panel is not None))


# The label of one step from votes and rules; None where the votes are even and no rule decides.
def _panel_of(step: Step, read: Sequence[StepJudgement], rule: str | None, *, human: bool) -> StepPanel | None:
    at = list(Step).index(step)
    votes, votes_for = len(read) + human, sum(one.labels[at] for one in read) + human
    if rule is None and 2 * votes_for == votes:
        return None
    label = rule is None and 2 * votes_for > votes
    agreeing = votes_for if label else votes - votes_for
    reasons = [one.rationales[at] for one in read if one.labels[at] is label and one.rationales[at]]
    return StepPanel(
        step=step,
        label=label,
        rule=rule,
        votes=votes,
        votes_for=votes_for,
        confidence=1.0 if rule else round((agreeing + 1) / (votes + 2), 4),
        rationale=rule or next(iter(reasons), _HUMANS_REASON if human and label else ""),
    )


# Whether a judge says that the last step is not a reply; only some prompts offer it.
def _says_no_reply(plan: MiningPlan, request: Request, outcome: Outcome) -> bool:
    if isinstance(outcome, Failed):
        return False
    found = plan.prompts[request.ask.task].read(StepVerdict, outcome)
    return isinstance(found, StepVerdict) and found.no_reply


def _judgement(plan: MiningPlan, request: Request, outcome: Outcome) -> StepJudgement:
    labels: tuple[bool, ...] = ()
    rationales: tuple[str, ...] = ()
    raw = problem = None
    if isinstance(outcome, Failed):
        problem = f"failed: {outcome.reason}: {outcome.detail}"
    else:
        raw, found = outcome.text, plan.prompts[request.ask.task].read(StepVerdict, outcome)
        if isinstance(found, Unparsed):
            problem = f"{found.reason} ({outcome.finish_reason})"
        else:
            labels, rationales = found.labels, found.rationales
    answer = {"labels": labels, "rationales": rationales, "problem": problem, "raw": raw}
    prompt = plan.prompts[request.ask.task].id
    return StepJudgement.model_validate({**answer, **call_of(request), "prompt": prompt})


# Rewrites replies under sampled personalities, so that the demonstrations do not all sound the same.
#
# Each rewriting is checked twice for what it has to keep: by rules that see the coarsest changes (numbers, names,
# advice, questions), and by the judges. A rewriting that fails is a drop; the original row stays.


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
