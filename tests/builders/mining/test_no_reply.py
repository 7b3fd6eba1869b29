"""Judges that say that a side, or the reply of a trace, is no reply at all: what becomes of the candidate."""

import json
from pathlib import Path

import pytest
from support.dialogues import SHORT_TURNS, supporter_turn
from support.draft import NEXT_PROMPTS, NEXT_STEPS, write_draft
from support.mining import by_task, mined, plan_of, said

from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.inference import ModelRef, Outcome, Request, Role


def _plan(folder: Path, *judges: str) -> MiningPlan:
    spec = load_release(str(write_draft(folder, steps=NEXT_STEPS, **NEXT_PROMPTS))).spec
    models = {Role.REASONER: ("the-reasoner",), Role.JUDGE: judges}
    return plan_of(spec, models={role: tuple(ModelRef(name=one) for one in names) for role, names in models.items()})


@pytest.mark.parametrize(
    ("first", "second", "reason", "detail"),
    [
        (("none", "no_reply"), ("no_reply", "none"), "refused", "no_reply: 1 of 1 judges"),
        (("no_reply", "no_reply"), ("no_reply", "no_reply"), "refused", "no_reply: 1 of 1 judges"),
        (("no_reply", "none"), ("none", "no_reply"), "chosen_flawed", "no_reply: 1 of 1 judges"),
        (("none", "no_reply"), ("lack_of_empathy", "none"), "order_flip", "1 of 1 judges"),
        (("none", "no_reply"), ("none", "no_reply"), "order_flip", "1 of 1 judges"),
    ],
)
def test_a_side_that_judges_call_no_reply_is_dropped_by_name(
    tmp_path: Path, first: tuple[str, str], second: tuple[str, str], reason: str, detail: str
) -> None:
    plan = _plan(tmp_path, "the-judge")
    turn = supporter_turn(*SHORT_TURNS)

    def judge(request: Request) -> Outcome:
        a, b = first if request.ask.reply == turn.text else second
        return said(json.dumps({"a": a, "b": b, "better": "tie", "rationale": "So."}))(request)

    drop = mined(
        turn, Config.RESPONSE, by_task(responder=said("That is nothing for me to speak of."), judge=judge), plan
    ).drop
    assert (drop.reason, drop.detail) == (reason, detail)


def test_as_many_votes_for_no_reply_as_for_anything_else_are_a_refusal(tmp_path: Path) -> None:
    plan = _plan(tmp_path, "one", "two")
    turn = supporter_turn(*SHORT_TURNS)

    def judge(request: Request) -> Outcome:
        first = request.ask.reply == turn.text
        a, b = ("none", "no_reply") if first else ("no_reply", "none")
        if request.model.name == "two":
            a = b = "none"
        better = "a" if request.model.name == "two" else "tie"
        return said(json.dumps({"a": a, "b": b, "better": better, "rationale": "So."}))(request)

    drop = mined(
        turn, Config.RESPONSE, by_task(responder=said("That is nothing for me to speak of."), judge=judge), plan
    ).drop
    assert (drop.reason, drop.detail) == ("refused", "no_reply: 1 of 2 judges")
