"""MESC: words and what was seen are taken apart, its strategies become ours, and plain ESConv stays what it was."""

from pathlib import Path
from typing import Any

import pytest
from support.sources import TALK, dialogues_in, found_in, opened, written

from ipm_prefdial.builders.sources.base import BadDialogue
from ipm_prefdial.builders.sources.formats import format_of
from ipm_prefdial.schemas.dialogue import Cue, Dialogue
from ipm_prefdial.schemas.strategy import Strategy, parse_strategy

RECORD: dict[str, Any] = {
    "problem_type": "Bereavement",
    "situation": "My kiln broke.",
    "dialog": [
        {
            "speaker": "user",
            "text": "It broke in the hail, The speaker looks down and seems tired.The speaker's hands are still.",
            "emotion": "sadness",
        },
        {"speaker": "user", "text": "The speaker sits on a couch.", "emotion": "neutral"},
        {"speaker": "sys", "text": "When was that? The speaker nods.", "emotion": "joy", "strategy": "Open question"},
        {"speaker": "user", "text": "In May. I told the speaker.", "audio": "low\n voice", "emotion": "anger"},
        {"speaker": "sys", "text": "You held on for so long.", "emotion": "neutral", "strategy": "Approval"},
        {"speaker": "user", "text": "Somehow.", "video": "shrugs", "emotion": "anger"},
        {"speaker": "sys", "text": "So it was.", "emotion": "joy", "strategy": "Interpretation"},
    ],
}  # fmt: skip


def _only(path: Path, kind: str = "") -> Dialogue:
    (found,) = dialogues_in(path, kind)
    return found


def test_words_stay_words_and_what_was_seen_becomes_cues(tmp_path: Path) -> None:
    found = _only(written(tmp_path / "mesc.json", [RECORD]))
    assert [(turn.text, turn.strategy) for turn in found.turns] == [
        ("It broke in the hail,", None),
        ("When was that?", Strategy.QUESTION),
        ("In May. I told the speaker.", None),
        ("You held on for so long.", Strategy.AFFIRMATION),
        ("Somehow.", None),
        ("So it was.", Strategy.OTHERS),
    ]
    assert [turn.cues for turn in found.turns if turn.cues] == [
        (Cue(modality="face", description="The speaker looks down and seems tired.The speaker's hands are still."),),
        (Cue(modality="voice", description="low voice"),),
        (Cue(modality="face", description="shrugs"),),
    ]
    assert (found.problem, found.emotion, found.situation) == ("Bereavement", "anger", "My kiln broke.")


def test_a_record_with_emotions_is_recognised_and_one_without_is_esconv(tmp_path: Path) -> None:
    for record, kind in ((RECORD, "mesc"), (TALK, "esconv")):
        shape = format_of(record)
        assert shape is not None
        assert shape.kind == kind
    source = opened(written(tmp_path / "mesc.json", [RECORD]))
    list(source)
    assert source.kind == "mesc"
    assert _only(written(tmp_path / "talk.json", [TALK])).turns[0].cues == ()


@pytest.mark.parametrize(
    "name",
    ["Open questions", "Approval", "Self-disclosure", "Restatement", "Interpretation", "Communication Skills",
     "Advisement", "Structuring the therapy", "Guiding the Pace and Depth of the Conversation", "Others"],
)  # fmt: skip
def test_every_strategy_of_the_corpus_is_one_of_the_eight(tmp_path: Path, name: str) -> None:
    turns = [RECORD["dialog"][0], {**RECORD["dialog"][2], "strategy": name}]
    found = _only(written(tmp_path / "one.json", [{"dialog": turns}]))
    assert found.turns[1].strategy in Strategy
    assert found.turns[1].strategy is (parse_strategy(name) or found.turns[1].strategy)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"strategy": "Cheering Up"}, "unknown_strategy"),
        ({"strategy": None}, "missing_strategy"),
        ({"speaker": "cat"}, "missing_speaker"),
        ({"text": 7}, "wrong_shape"),
    ],
)
def test_a_fault_is_named_with_its_turn(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    turns = [RECORD["dialog"][0], {**RECORD["dialog"][2], **change}]
    (found,) = found_in(written(tmp_path / "bad.json", [{"dialog": turns}]))
    assert isinstance(found, BadDialogue)
    assert (found.reason, found.turn) == (reason, 1)
