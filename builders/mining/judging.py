"""Judging the two sides of a candidate, each by itself: the judge is never told who wrote what it reads."""

from ...prompts.readers import Offered
from ...schemas.drops import DropReason
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, Failed, Outcome, Request, Task
from ...schemas.rows.layout_1 import JudgeRecord
from ...schemas.verdict import Unparsed, Verdict
from .candidate import Candidate, Drop, Result
from .plan import MiningPlan


def side_requests(candidate: Candidate, plan: MiningPlan) -> tuple[Request, ...]:
    """What has to be asked of the judge: the human's reply, then the inferred one; nothing for a strategy alone.

    Raises:
        UsageError: more than one judge or draw: this way of judging takes a single word.
    """
    if candidate.reply is None:
        return ()
    asks = [
        Ask(task=Task.JUDGE, history=candidate.turn.history, reply=reply)
        for reply in (candidate.turn.text, candidate.reply)
    ]
    requests = tuple(request for ask in asks for request in plan.requests(ask))
    if len(requests) != len(asks):
        raise UsageError(f"release {plan.spec.version} asks one judge once; give a single --judge")
    return requests


def settle_sides(
    candidate: Candidate, plan: MiningPlan, requests: tuple[Request, ...], outcomes: tuple[Outcome, ...]
) -> Result:
    """The candidate with both verdicts; dropped where a call failed or a reply is no verdict that was offered."""
    if not requests:
        return candidate
    records: list[JudgeRecord] = []
    problems: list[tuple[DropReason, str]] = []
    for side, request, outcome in zip(("human", "inferred"), requests, outcomes, strict=True):
        record, problem = _read(plan, request, outcome)
        records.append(record)
        if problem is not None:
            problems.append((problem[0], f"{side} reply: {problem[1]}"))
    candidate = candidate.with_(chosen_verdict=records[0], rejected_verdict=records[1])
    return Drop(candidate, *problems[0]) if problems else candidate


def _read(plan: MiningPlan, request: Request, outcome: Outcome) -> tuple[JudgeRecord, tuple[DropReason, str] | None]:
    """One side's record, and what is wrong with it, if anything."""
    problem: tuple[DropReason, str] | None = None
    error = rationale = raw = None
    if isinstance(outcome, Failed):
        problem = (DropReason.JUDGE_FAILED, f"{outcome.reason}: {outcome.detail}")
    else:
        raw = outcome.text
        verdict = plan.prompts[Task.JUDGE].read(Verdict, outcome, Offered(errors=plan.spec.errors))
        if isinstance(verdict, Unparsed):
            problem = (DropReason.UNPARSED_VERDICT, f"{verdict.reason} ({outcome.finish_reason})")
        elif verdict.no_reply:
            problem, rationale = (DropReason.REFUSED, "no_reply"), verdict.rationale
        else:
            error, rationale = verdict.error, verdict.rationale
    record = JudgeRecord(
        error=error,
        rationale=rationale,
        raw=raw,
        model=request.model.name,
        revision=request.model.revision,
        prompt=plan.prompts[Task.JUDGE].id,
        request_key=request.key,
    )
    return record, problem
