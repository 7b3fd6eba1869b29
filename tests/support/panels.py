"""Panels by hand: what judges answer about two sides, whatever the order, and judgements written down at once."""

import json
from collections.abc import Mapping

from support.mining import Answer, said

from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import Outcome, Request
from ipm_prefdial.schemas.rows.layout_2 import Judgement


def comparison(a: str | None, b: str | None, better: str) -> str:
    """A judge's reply about A and B."""
    return json.dumps({"a": a or "none", "b": b or "none", "better": better, "rationale": "It was told so."})


def sees(
    inferred: str, *, chosen: str | None = None, rejected: str | None = "lack_of_empathy", better: str = "chosen"
) -> Answer:
    """A judge that says the same of both sides whichever stands first.

    Args:
        inferred: by which the test tells the rejected side: its words, or its strategy's name.
        chosen: the error of the other side.
        rejected: the error of this one.
        better: `chosen`, `rejected` or `tie`.
    """

    def answer(request: Request) -> Outcome:
        ask = request.ask
        swapped = inferred in (ask.reply, ask.strategy)
        assert swapped != (inferred in (ask.other_reply, ask.other_strategy)), "the inferred side stands on one side"
        first, second = (rejected, chosen) if swapped else (chosen, rejected)
        sides = {"chosen": "b", "rejected": "a"} if swapped else {"chosen": "a", "rejected": "b"}
        return said(comparison(first, second, sides.get(better, "tie")))(request)

    return answer


def by_order(inferred: str, chosen_first: Answer, rejected_first: Answer) -> Answer:
    """A judge that answers one way where the chosen side stands first, and another where the rejected one does."""
    return lambda request: (rejected_first if inferred in (request.ask.reply, request.ask.strategy) else chosen_first)(
        request
    )


def by_judge(judges: Mapping[str, Answer]) -> Answer:
    """Each judge's own answer, by the model's name."""
    return lambda request: judges[request.model.name](request)


def judgement(
    order: str,
    better: str | None = "chosen",
    chosen: str | None = None,
    rejected: str | None = "lack_of_empathy",
    problem: str | None = None,
    judge: str = "one",
) -> Judgement:
    """A judge's answer to one order; with a `problem`, one that could not be read, or that failed."""
    if problem is not None:
        better = chosen = rejected = None
    return Judgement.model_validate(
        {
            "order": order,
            "better": better,
            "chosen_error": chosen and ErrorType(chosen),
            "rejected_error": rejected and ErrorType(rejected),
            "rationale": None if problem else "So.",
            "problem": problem,
            "raw": None if problem and problem.startswith("failed") else "…",
            "model": judge,
            "revision": None,
            "draw": 0,
            "prompt": "judge/compare_replies@1",
            "request_key": "0" * 64,
        }
    )
