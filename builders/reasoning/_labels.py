"""Labels the steps of traces: judges that know neither the author nor each other vote, and written rules overrule.

Each judge labels all four steps as right or wrong. The human supporter's choice counts as well: a strategy that is the
human's gets one more vote; another strategy gets none against it, since several may fit one moment.
"""

from collections.abc import Sequence

from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Failed, Outcome, Request, Task
from ...schemas.rows.reasoning import StepJudgement, StepPanel
from ...schemas.trace import Step
from ...schemas.verdict import StepVerdict, Unparsed
from ..mining.candidate import Drop, call_of
from ..mining.plan import MiningPlan
from ..mining.trace_rules import contradictions
from .candidate import TraceCandidate, TraceResult

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
