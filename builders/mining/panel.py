"""Judges the two sides of a candidate blind: as a panel that compares them, or each side by itself (layout 1).

A panel sees both sides as A and B, in both orders; a judge whose two answers contradict each other casts no vote. No
prompt says which side is human. The votes, the margin and the confidence are our own design.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum

from ...prompts.parsers.strategy import bracketed_strategy
from ...prompts.readers import Offered
from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.errors import UsageError
from ...schemas.inference import Ask, Completion, Failed, Outcome, Request, Role, Task
from ...schemas.rows.layout_1 import JudgeRecord
from ...schemas.rows.layout_2 import Judgement, Panel, Rewrite
from ...schemas.text import words_of
from ...schemas.verdict import Comparison, Unparsed, Verdict
from ..safety.personal_data import reachable_person
from .candidate import Candidate, Drop, Result, call_of
from .checks import too_long, unanswered, unanswering
from .plan import MiningPlan
from .reply_rules import prompt_echo

_ORDERS = ("chosen_first", "rejected_first")
# The errors that a strategy without a reply can have.
_OFFERED = (ErrorType.STRATEGY_MISMATCH,)


NO_REPLY = "no_reply: "
"""The prefix of a judgement's `problem` where the judge says that a side is not a reply to the seeker."""


class Vote(StrEnum):
    """One judge's vote, from its two answers."""

    WORSE = "worse"
    """The rejected side has an error, the chosen one has none and is better, whichever stood first."""
    FAILED = "failed"
    UNPARSED = "unparsed"
    FLIP = "flip"
    """The two orders disagree on which is better, or on whether a side has an error."""
    CHOSEN_FLAWED = "chosen_flawed"
    REJECTED_SOUND = "rejected_sound"
    NOT_WORSE = "not_worse"


# The drop of each vote against, in the order in which ties are settled.
_REASONS = {
    Vote.FAILED: DropReason.JUDGE_FAILED,
    Vote.UNPARSED: DropReason.UNPARSED_VERDICT,
    Vote.FLIP: DropReason.ORDER_FLIP,
    Vote.CHOSEN_FLAWED: DropReason.CHOSEN_FLAWED,
    Vote.REJECTED_SOUND: DropReason.REJECTED_SOUND,
    Vote.NOT_WORSE: DropReason.NOT_WORSE,
}


def panel_requests(candidate: Candidate, plan: MiningPlan) -> tuple[Request, ...]:
    """Every judge with the chosen side first, and then every judge with the rejected side first."""
    return tuple(request for ask in _asks(candidate) for request in plan.requests(ask))


def rewritten_requests(candidate: Candidate, plan: MiningPlan) -> tuple[Request, ...]:
    """The same for a candidate whose chosen side was rewritten; none for any other."""
    return () if candidate.rewrite is None else panel_requests(candidate, plan)


def _asks(candidate: Candidate) -> Iterator[Ask]:
    history = candidate.turn.history
    if candidate.config is Config.STRATEGY:
        one, other = candidate.turn.strategy, candidate.strategy
        for a, b in ((one, other), (other, one)):
            yield Ask(task=Task.STRATEGY_JUDGE, history=history, strategy=a, other_strategy=b)
    else:
        words, others = candidate.chosen, candidate.reply
        for reply, beside in ((words, others), (others, words)):
            yield Ask(task=Task.JUDGE, history=history, reply=reply, other_reply=beside)


def settle_panel(
    candidate: Candidate, plan: MiningPlan, requests: tuple[Request, ...], outcomes: tuple[Outcome, ...]
) -> Result:
    """The candidate with every judgement; `check_majority` counts them."""
    if not requests:
        return candidate
    half = len(requests) // 2
    asked = zip(requests, outcomes, strict=True)
    judgements = tuple(
        _judgement(plan, number >= half, request, outcome) for number, (request, outcome) in enumerate(asked)
    )
    return candidate.with_(judgements=judgements)


def _judgement(plan: MiningPlan, swapped: bool, request: Request, outcome: Outcome) -> Judgement:
    answer: dict[str, object] = dict.fromkeys(("better", "chosen_error", "rejected_error", "rationale", "raw"))
    if isinstance(outcome, Failed):
        answer["problem"] = f"failed: {outcome.reason}: {outcome.detail}"
    else:
        offered = _OFFERED if request.ask.task is Task.STRATEGY_JUDGE else plan.spec.errors
        found = plan.prompts[request.ask.task].read(Comparison, outcome, Offered(errors=offered))
        answer["raw"] = outcome.text
        if isinstance(found, Unparsed):
            answer["problem"] = f"{found.reason} ({outcome.finish_reason})"
        elif found.no_reply:
            answer["problem"] = f"{NO_REPLY}{' and '.join(sorted(_sides(swapped)[one] for one in found.no_reply))}"
        else:
            chosen, rejected = (found.b, found.a) if swapped else (found.a, found.b)
            sides = _sides(swapped)
            answer |= {"better": sides.get(found.better, "tie"), "rationale": found.rationale, "problem": None}
            answer |= {"chosen_error": chosen, "rejected_error": rejected}
    prompt = plan.prompts[request.ask.task].id
    return Judgement.model_validate({"order": _ORDERS[swapped], **answer, **call_of(request), "prompt": prompt})


def _sides(swapped: bool) -> dict[str, str]:
    return {"a": "rejected", "b": "chosen"} if swapped else {"a": "chosen", "b": "rejected"}


def check_majority_of_replies(candidate: Candidate, plan: MiningPlan) -> Result:
    """As `check_majority`; where judges say in both orders that a side is not a reply, that is a vote of its own.

    Where no other vote against is commoner than these, the candidate is a refusal; where most of them mean the human's
    side, its chosen side is flawed.
    """
    votes = votes_of(candidate.judgements)
    none = [_no_reply(candidate.judgements, at) for at in range(len(votes))]
    rejected = sum("rejected" in sides for sides in none)
    chosen = sum(sides == {"chosen"} for sides in none)
    against = Counter(vote for vote, sides in zip(votes, none, strict=True) if not sides and vote is not Vote.WORSE)
    most = max(against.values(), default=0)
    if 2 * votes.count(Vote.WORSE) > len(votes) or max(rejected, chosen) < max(most, 1):
        return check_majority(candidate, plan)
    error = commonest_error([one.rejected_error for one in candidate.judgements], plan.spec.errors)
    candidate = candidate.with_(panel=_panel(candidate.judgements, votes, error), error=error)
    reason = DropReason.REFUSED if rejected >= chosen else DropReason.CHOSEN_FLAWED
    return Drop(candidate, reason, f"no_reply: {max(rejected, chosen)} of {len(votes)} judges")


# The sides that a judge calls no reply in both orders.
def _no_reply(judgements: Sequence[Judgement], at: int) -> set[str]:
    problems = [judgements[at].problem or "", judgements[at + len(judgements) // 2].problem or ""]
    if not all(problem.startswith(NO_REPLY) for problem in problems):
        return set()
    first, second = (set(problem.removeprefix(NO_REPLY).split(" and ")) for problem in problems)
    return first & second


def check_majority(candidate: Candidate, plan: MiningPlan) -> Result:
    """More than half of the judges find the inferred side worse; else the commonest vote against is the reason."""
    if not candidate.judgements:
        return candidate
    votes = votes_of(candidate.judgements)
    error = commonest_error([one.rejected_error for one in candidate.judgements], plan.spec.errors)
    candidate = candidate.with_(panel=_panel(candidate.judgements, votes, error), error=error)
    if 2 * votes.count(Vote.WORSE) > len(votes):
        return candidate
    against = Counter(votes)
    vote = max(_REASONS, key=lambda one: against[one])
    detail = f"{against[vote]} of {len(votes)} judges"
    flaw = commonest_error([one.chosen_error for one in candidate.judgements], plan.spec.errors)
    if vote is Vote.CHOSEN_FLAWED and flaw is not None:
        detail = f"{flaw}: {detail}"
    return Drop(candidate, _REASONS[vote], detail)


def votes_of(judgements: Sequence[Judgement]) -> list[Vote]:
    """Every judge's vote; the second half of `judgements` are the first half's judges in the other order."""
    half = len(judgements) // 2
    return [_vote(first, second) for first, second in zip(judgements[:half], judgements[half:], strict=True)]


def _vote(first: Judgement, second: Judgement) -> Vote:
    if first.raw is None or second.raw is None:
        return Vote.FAILED
    problems = [problem for problem in (first.problem, second.problem) if problem is not None]
    if problems:  # no reply in one order only; `check_majority_of_replies` counts both
        return Vote.FLIP if all(problem.startswith(NO_REPLY) for problem in problems) else Vote.UNPARSED
    if _said(first) != _said(second):
        return Vote.FLIP
    if first.chosen_error is not None:
        return Vote.CHOSEN_FLAWED
    if first.rejected_error is None:
        return Vote.REJECTED_SOUND
    return Vote.WORSE if first.better == "chosen" else Vote.NOT_WORSE


# What both orders have to agree on: judges that name different errors still agree that a side is flawed.
def _said(judgement: Judgement) -> tuple[str | None, bool, bool]:
    return judgement.better, judgement.chosen_error is None, judgement.rejected_error is None


def commonest_error(errors: Sequence[ErrorType | None], order: Sequence[ErrorType]) -> ErrorType | None:
    """The error that most answers name, of equally common ones the first in `order`; None where none names one."""
    named = Counter(error for error in errors if error is not None)
    places = list(dict.fromkeys((*order, *ErrorType)))
    return min(named, key=lambda error: (-named[error], places.index(error)), default=None)


def _panel(judgements: Sequence[Judgement], votes: Sequence[Vote], error: ErrorType | None) -> Panel:
    worse = votes.count(Vote.WORSE)
    agreeing = sum(
        one.better == "chosen" and one.chosen_error is None and one.rejected_error is not None
        and one.rejected_error == error
        for one in judgements
    )  # fmt: skip
    return Panel(
        judges=len(votes),
        votes=worse,
        margin=round((2 * worse - len(votes)) / len(votes), 4),
        confidence=round((agreeing + 1) / (len(judgements) + 2), 4),
    )


def side_requests(candidate: Candidate, plan: MiningPlan) -> tuple[Request, ...]:
    """One request about the human's reply and one about the inferred one; none for a strategy without a reply.

    Raises:
        UsageError: more than one judge or draw; layout 1 has columns for one verdict a side.
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
    """The candidate with both verdicts; dropped where a call failed or a reply is not a verdict that was offered."""
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


# One side's record, and the reason to drop it, if any.
def _read(plan: MiningPlan, request: Request, outcome: Outcome) -> tuple[JudgeRecord, tuple[DropReason, str] | None]:
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


# Rewrites flawed human replies under the same strategy, where the maintainer asks for it.
#
# The panel judges the rewritten reply again like any other; the row says that the words are not the human's.


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


# What is wrong with a rewriting, or None.
def _problem(candidate: Candidate, plan: MiningPlan, outcome: Outcome, text: str) -> str | None:
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
