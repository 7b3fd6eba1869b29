"""The columns of every config: the contract that labs train on.

`prompt`, `chosen`, `rejected` and `completion` are TRL's explicit-prompt conversational form, lists of
`{"role", "content"}`; the sides of a pair hold the reply alone. Every other column is a scalar, a struct of scalars or,
where several judges answer, a list of such structs. A spec says which layout its release has; a released layout never
changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import digest_of
from ..config import PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS, Config
from . import layout_1, layout_2, layout_4, reasoning
from .common import DialogueRow, InferredBy, Messages, Row, SftRow, TurnStruct

__all__ = [
    "CANDIDATE_CONFIGS",
    "LAYOUTS",
    "RELEASED_MEMBERS",
    "InferredBy",
    "Messages",
    "Row",
    "Rows",
    "SftRow",
    "TurnStruct",
    "candidate_configs",
    "content_id_of",
    "json_schema_of",
    "row_id",
    "rows_of",
]

Rows = Mapping[Config, type[Row]]
"""The row schema of every config that a layout has, in the order in which cards and tables name them."""

# A demonstration has had the same columns in every layout so far.
_SFT: Rows = dict.fromkeys(SFT_CONFIGS, SftRow)

_LAYOUT_2: Rows = {
    Config.STRATEGY: layout_2.StrategyRow,
    Config.RESPONSE: layout_2.ResponseRow,
    Config.JOINT: layout_2.JointRow,
    **_SFT,
    Config.DROPPED: layout_2.DroppedRow,
    Config.COMPLETIONS: layout_2.CompletionRow,
    Config.DIALOGUES: layout_2.DialogueRow,
    Config.CRISIS_HOLDOUT: layout_2.CrisisRow,
}

_LAYOUT_3: Rows = {
    **_LAYOUT_2,
    Config.DROPPED: reasoning.DroppedRow,
    Config.REASONING: reasoning.ReasoningRow,
    Config.REASONING_STEPS: reasoning.ReasoningStepsRow,
    Config.REASONING_PAIRS: reasoning.ReasoningPairRow,
}

LAYOUTS: Mapping[int, Rows] = {
    1: {
        Config.STRATEGY: layout_1.StrategyRow,
        Config.RESPONSE: layout_1.ResponseRow,
        Config.JOINT: layout_1.JointRow,
        **_SFT,
        Config.DROPPED: layout_1.DroppedRow,
        Config.COMPLETIONS: layout_1.CompletionRow,
        Config.DIALOGUES: DialogueRow,
    },
    # A released layout is never edited. A new column is a new layout, which names only the rows that differ.
    2: _LAYOUT_2,
    3: _LAYOUT_3,
    4: {**_LAYOUT_3, Config.DROPPED: layout_4.DroppedRow, Config.CRISIS_HOLDOUT: layout_4.CrisisRow},
}
"""Every layout by its number."""

CANDIDATE_CONFIGS = (*PAIR_CONFIGS, *SFT_CONFIGS)
"""The configs whose candidates are conserved in every layout: each becomes a row there or a row of `dropped`."""


_NEWEST_RELEASED = 3

# Written out, because enums grow and released layouts do not: a member that is added later must not change the JSON
# Schema with which a lab reads an old release. `DropReason` has its own list, which also restricts what rows may hold.
RELEASED_MEMBERS: Mapping[str, Sequence[str]] = {
    "CrisisCategory": "self_harm, abuse, acute_danger".split(", "),
    "CrisisForm": "explicit, coded, indirect, third_party".split(", "),
    "Emotion": (
        "anger, annoyance, anxiety, nervousness, fear, depression, sadness, disappointment, pain, loneliness, guilt, "
        "shame, embarrassment, jealousy, disgust, surprise, nostalgia, caring, trust, confidence, hope, gratitude, "
        "pride, admiration, contentment, joy, neutral"
    ).split(", "),
    "ErrorType": "lack_of_empathy, early_emotion_shift, template_response, strategy_mismatch, emotion_misread".split(
        ", "
    ),
    "FailureReason": "rate_limited, server_error, connection, timeout, malformed, bad_request, refused".split(", "),
    "Role": "planner, responder, joint, judge, rewriter, reasoner, stylist".split(", "),
    "Speaker": "seeker, supporter".split(", "),
    "Split": "train, validation, test".split(", "),
    "Step": "history, emotion, strategy, reply".split(", "),
    "Strategy": (
        "Question, Restatement or Paraphrasing, Reflection of feelings, Self-disclosure, Affirmation and Reassurance, "
        "Providing Suggestions, Information, Others"
    ).split(", "),
    "Task": (
        "planner, responder, joint, judge, strategy_judge, crisis_judge, rewriter, reasoner, step_judge, stylist, "
        "style_judge"
    ).split(", "),
}
"""The enum members that every released layout shows in its JSON Schema, by the name of the enum."""


def candidate_configs(layout: int) -> tuple[Config, ...]:
    """The configs of a layout whose candidates are conserved."""
    return (*CANDIDATE_CONFIGS, *(config for config in REASONING_CONFIGS if config in LAYOUTS[layout]))


def rows_of(layout: int) -> Rows:
    """The row schemas of a layout; `BuildSpec.layout` is one of those that there are."""
    return LAYOUTS[layout]


def json_schema_of(layout: int, config: Config) -> dict[str, Any]:
    """The JSON Schema of a config's rows; a released layout shows the enum members that it was released with.

    Raises:
        KeyError: the layout has no such config.
    """
    schema = rows_of(layout)[config].model_json_schema()
    # Pydantic shows the members that the code has today, and these may be more than there were.
    if layout <= _NEWEST_RELEASED:
        for name, definition in schema.get("$defs", {}).items():
            if name in RELEASED_MEMBERS:
                definition["enum"] = list(RELEASED_MEMBERS[name])
    return schema


def row_id(config: Config, dialogue_id: str, turn: int | None, *what: object) -> str:
    """The id of a row: 128 bits of a digest over its config, its place and `what` identifies it there.

    A pair or a dropped candidate is identified by the request and its answer, an SFT row by its place alone. So a
    candidate that one version drops and the next keeps has one id, and a reply that was drawn anew has a new one.
    """
    # 128 bits, so that two of the billions of rows that all versions may ever have do not share an id by chance.
    return digest_of([config, dialogue_id, turn, *what])[:32]


def content_id_of(config: Config, row: Mapping[str, Any]) -> str:
    """The id of a row by its whole content, for `completions` and `dialogues`, from which a rebuild starts.

    So a changed cell is always noticed. `row` has every column of the config but `row_id`, in order.
    """
    return row_id(config, row["dialogue_id"], row["turn"], *row.values())
