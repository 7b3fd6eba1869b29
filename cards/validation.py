"""What training on a release showed, as the card shows it."""

from typing import Any

from ..schemas.escape import escape_code, escape_markdown, escape_sentence
from ..schemas.validation import Answered, Validation, Verdict
from .words import told

_SIGNS = {Verdict.YES: "✓ yes", Verdict.NO: "✗ no", Verdict.CANNOT_TELL: "? cannot tell"}
_GROUPS = {"release": "the release itself", "training": "what training on it shows"}


def validation_lines(validation: Validation | None) -> dict[str, Any]:
    """What the card's section says; empty where there was no validation."""
    if validation is None:
        return {}
    return {
        "scale": validation.scale.value,
        "on": f"{validation.release.turns} test turns of {validation.release.dialogues} dialogues",
        "models": ", ".join(
            f"{escape_code(one.recipe)} ({escape_markdown(one.base_model)}, {one.steps} steps)"
            for one in validation.models
        ),
        "groups": [
            {"title": title, "questions": [_row(one) for one in validation.questions if one.group == group]}
            for group, title in _GROUPS.items()
        ],
        "notes": [escape_sentence(note) for note in validation.notes],
    }


def _row(one: Answered) -> dict[str, str]:
    return {
        "asks": escape_sentence(one.asks),
        "verdict": _SIGNS[one.verdict],
        "figure": told(one.figure),
        "why": escape_sentence(one.why),
    }
