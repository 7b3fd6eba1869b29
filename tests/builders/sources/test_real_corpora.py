"""Nothing of the real corpora is lost: every dialogue, every supporter turn, every word of a seeker."""

import json
import re
from pathlib import Path

import pytest
from support.dialogues import spoken
from support.sources import dialogues_in, opened, taken_in

from ipm_prefdial.schemas.dialogue import Speaker

_NATIVE = {"seeker": "seeker", "supporter": "supporter", "speaker": "seeker", "listener": "supporter"}
_SIZES = {"ESConv_part.json": (386, 5492), "FailedESConv.json": (196, 2377), "ESC_sft_val.json": (130, 1821)}


@pytest.mark.parametrize(("file", "sizes"), list(_SIZES.items()))
def test_every_dialogue_and_supporter_turn_is_read(real_data: Path, file: str, sizes: tuple[int, int]) -> None:
    dialogues = dialogues_in(real_data / file)
    supporters = sum(turn.speaker is Speaker.SUPPORTER for one in dialogues for turn in one.turns)
    assert (len(dialogues), supporters) == sizes


@pytest.mark.parametrize("file", ["ESConv_part.json", "FailedESConv.json"])
def test_native_files_keep_who_said_what_in_order(real_data: Path, file: str) -> None:
    records = json.loads((real_data / file).read_text())
    wanted = [
        [(_NATIVE[said["speaker"]], said["content"].strip()) for said in record["dialog"] if said["content"].strip()]
        for record in records
    ]
    got = [spoken(one.turns) for one in dialogues_in(real_data / file)]
    assert sum(one != other for one, other in zip(got, wanted, strict=True)) == 0


def test_the_chat_file_loses_only_its_blank_user_turns(real_data: Path) -> None:
    records = json.loads((real_data / "ESC_sft_val.json").read_text())
    said = [[message for message in record["messages"] if message["role"] != "system"] for record in records]
    wanted = [
        [
            (
                "seeker" if one["role"] == "user" else "supporter",
                re.sub(r"^\s*\[[^\]]*\]", "", one["content"]).strip()
                if one["role"] == "assistant"
                else one["content"].strip(),
            )
            for one in messages
            if one["content"].strip()
        ]
        for messages in said
    ]
    got = [spoken(one.turns) for one in dialogues_in(real_data / "ESC_sft_val.json")]
    assert sum(one != other for one, other in zip(got, wanted, strict=True)) == 0
    assert sum(map(len, said)) - sum(len(turns) for turns in got) == 281


def test_every_supporter_turn_has_its_own_strategy(real_data: Path) -> None:
    older = {
        "Direct Guidance": "Providing Suggestions",
        "Approval and Reassurance": "Affirmation and Reassurance",
        "Restatement": "Restatement or Paraphrasing",
    }
    for file in ("ESConv_part.json", "FailedESConv.json"):
        records = json.loads((real_data / file).read_text())
        named = [
            said["annotation"]["strategy"]
            for record in records
            for said in record["dialog"]
            if _NATIVE[said["speaker"]] == "supporter"
        ]
        got = [
            turn.strategy for one in dialogues_in(real_data / file) for turn in one.turns if turn.strategy is not None
        ]
        folded = [re.sub(r"\W+", " ", older.get(name, name)).casefold() for name in named]
        assert sum(re.sub(r"\W+", " ", one).casefold() != other for one, other in zip(got, folded, strict=True)) == 0


def test_all_three_are_taken_in_together(real_data: Path, tmp_path: Path) -> None:
    sources = [opened(real_data / file) for file in _SIZES]
    ingested = taken_in(*sources, spool=tmp_path / "spool", on_bad="skip")
    counted = {record.name: record.dialogues + sum(record.skipped.values()) for record in ingested.sources}
    assert counted == {Path(file).stem: dialogues for file, (dialogues, _) in _SIZES.items()}
    assert all(record.skipped.keys() <= {"duplicate_dialogue"} for record in ingested.sources)
    assert sum(counted.values()) == 712
