"""Rows of what is not mined: dialogues as they were taken in, those that are held out, and recorded calls.

Plain dictionaries with exactly the columns of `schemas.rows`.
"""

from typing import Any

from ..schemas.config import Config
from ..schemas.dialogue import Dialogue
from ..schemas.inference import Completion, Outcome, Request
from ..schemas.licence import LICENCES
from ..schemas.rows import content_id_of
from .mining.turns import PlacedDialogue


def dialogue_row(placed: PlacedDialogue, layout: int) -> dict[str, Any]:
    """The row of `dialogues`; where the licence forbids passing the words on, the id is all that is left of them."""
    row = _dialogue_columns(placed)
    if layout > 1:
        row |= {"repeats": placed.repeats, "contaminated_by": placed.contaminated_by}
    return {"row_id": content_id_of(Config.DIALOGUES, row), **row}


def crisis_row(placed: PlacedDialogue, layout: int) -> dict[str, Any]:
    """The row of `crisis_holdout`: the dialogue, and every sign of a crisis that was seen in it."""
    row = _dialogue_columns(placed) | {"repeats": placed.repeats, "contaminated_by": placed.contaminated_by}
    row["findings"] = [found.model_dump() for found in placed.findings]
    if layout > 3:
        assert placed.barred is not None, "a dialogue with findings is barred for them"
        row["reason"] = placed.barred[0].value
    return {"row_id": content_id_of(Config.CRISIS_HOLDOUT, row), **row}


def _dialogue_columns(placed: PlacedDialogue) -> dict[str, Any]:
    dialogue = placed.dialogue
    withheld = not LICENCES[dialogue.license].may_pass_on
    told = dialogue.model_dump(include={"problem", "emotion", "situation"})
    return {
        "dialogue_id": dialogue.dialogue_id,
        "turn": None,
        "source": dialogue.source,
        "license": dialogue.license,
        "position": placed.position,
        "own_split": dialogue.split,
        **(dict.fromkeys(told) if withheld else told),
        "withheld": withheld,
        "turns": [] if withheld else [turn.model_dump(mode="json") for turn in dialogue.turns],
    }


def completion_row(
    request: Request, outcome: Outcome, dialogue: Dialogue, turn: int | None, layout: int
) -> dict[str, Any]:
    """The row of `completions`; its id covers the answer, so that a changed answer is told."""
    row = {
        "dialogue_id": dialogue.dialogue_id,
        "turn": turn,
        "source": dialogue.source,
        "license": dialogue.license,
        "request_key": request.key,
        "role": request.ask.role,
        "model": request.model.name,
        "revision": request.model.revision,
        "draw": request.draw,
        **_answer_columns(outcome),
    }
    if layout > 1:
        row["task"] = request.ask.task
    return {"row_id": content_id_of(Config.COMPLETIONS, row), **row}


def _answer_columns(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Completion):
        return {
            "reply": outcome.text,
            "finish_reason": outcome.finish_reason,
            "failure": None,
            "failure_detail": None,
            "prompt_tokens": outcome.prompt_tokens,
            "completion_tokens": outcome.completion_tokens,
            "structured": outcome.structured,
        }
    return {
        "reply": None,
        "finish_reason": None,
        "failure": outcome.reason,
        "failure_detail": outcome.detail,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "structured": False,
    }
