"""Each shape of a corpus becomes dialogues with every word in its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.dialogues import SHORT_TURNS, spoken
from support.sources import TALK, dialogues_in, found_in, opened, written

from ipm_prefdial.builders.sources.base import BadDialogue
from ipm_prefdial.builders.sources.formats import FORMATS, format_of, unwrap
from ipm_prefdial.schemas.dialogue import Cue, Dialogue, Speaker, Split
from ipm_prefdial.schemas.errors import SourceError, UsageError
from ipm_prefdial.schemas.strategy import Strategy


def _only(path: Path, kind: str = "") -> Dialogue | BadDialogue:
    (found,) = found_in(path, kind)
    return found


def test_esconv_keeps_every_turn_and_strategy(tiny: Path) -> None:
    records = json.loads((tiny / "esconv.json").read_text())
    dialogues = dialogues_in(tiny / "esconv.json")
    assert [spoken(one.turns) for one in dialogues] == [
        [(said["speaker"], said["content"]) for said in record["dialog"]] for record in records
    ]
    assert [[turn.strategy for turn in one.turns] for one in dialogues] == [
        [said["annotation"].get("strategy") for said in record["dialog"]] for record in records
    ]
    assert {turn.strategy for one in dialogues for turn in one.turns} - {None} == set(Strategy)


def test_esconv_keeps_what_is_told_about_the_seeker(tiny: Path) -> None:
    first = dialogues_in(tiny / "esconv.json")[0]
    assert (first.problem, first.emotion, first.situation) == (
        "job crisis",
        "anxiety",
        "My hours at the bakery were halved.",
    )
    assert (first.source, first.license, first.split) == ("esconv", "unknown", None)


def test_consecutive_turns_stay_apart(tiny: Path) -> None:
    speakers = ["".join(turn.speaker.value[1] for turn in one.turns) for one in dialogues_in(tiny / "esconv.json")]
    assert speakers == ["eueuueu", "ueeueu", "eueueu", "eeueue", "eueuu", "eueueu"]


def test_failed_esconv_has_other_names_for_speakers_and_strategies(tiny: Path) -> None:
    first, second = dialogues_in(tiny / "failed.json")
    assert [turn.strategy for turn in first.turns] == [None, Strategy.AFFIRMATION, None, Strategy.SUGGESTIONS]
    assert [turn.speaker for turn in first.turns] == [Speaker.SEEKER, Speaker.SUPPORTER] * 2
    assert spoken(second.turns) == [
        ("seeker", "Nobody laughs at my jokes any more."),
        ("supporter", "So the room stays quiet after your jokes."),
        ("seeker", "Quiet as snow."),
        ("supporter", "When was the last laugh?"),
    ]


def test_the_chat_form_is_the_same_dialogue_as_the_native_one(tiny: Path) -> None:
    native, chat = dialogues_in(tiny / "esconv.json")[:2], dialogues_in(tiny / "chat.json")
    assert [one.dialogue_id for one in chat] == [one.dialogue_id for one in native]


def test_blank_user_turns_of_the_chat_form_are_no_turns(tiny: Path) -> None:
    first, second = dialogues_in(tiny / "chat.json")
    assert spoken(first.turns) == spoken(dialogues_in(tiny / "esconv.json")[0].turns)
    assert second.turns[0].speaker is Speaker.SUPPORTER
    assert second.turns[1].text == "Hi. My friend moved to another city. I heard it from her neighbour."


def test_our_own_form_keeps_cues_source_licence_and_split(tiny: Path) -> None:
    first, second = dialogues_in(tiny / "dialogues.jsonl", license="mit")
    assert first.turns[0].cues == (
        Cue(modality="voice", description="speaks very slowly"),
        Cue(modality="face", description="looks at the floor"),
    )
    assert (first.source, first.license, first.split) == ("invented", "cc-by-4.0", Split.TEST)
    assert (first.problem, first.emotion) == ("grief", "sadness")
    assert (second.source, second.license, second.split) == ("dialogues", "mit", None)
    assert second.dialogue_id != "0000000000000000"


def test_our_own_form_comes_back_as_it_was_written(tmp_path: Path) -> None:
    one = Dialogue(source="s", license="mit", split=Split.TEST, situation="Hail.", turns=SHORT_TURNS)
    path = written(tmp_path / "one.jsonl", one.model_dump_json() + "\n")
    assert dialogues_in(path) == [one]


@pytest.mark.parametrize(
    ("file", "kind"),
    [("esconv.json", "esconv"), ("failed.json", "esconv"), ("chat.json", "chat"), ("dialogues.jsonl", "dialogue")],
)
def test_a_shape_is_recognised(tiny: Path, file: str, kind: str) -> None:
    source = opened(tiny / file)
    assert source.kind is None
    list(source)
    assert source.kind == kind


@pytest.mark.parametrize(
    ("file", "kind"), [("esconv.json", "esconv"), ("chat.json", "chat"), ("dialogues.jsonl", "dialogue")]
)
def test_the_right_shape_can_be_forced(tiny: Path, file: str, kind: str) -> None:
    assert dialogues_in(tiny / file, kind) == dialogues_in(tiny / file)


def test_a_wrong_shape_that_is_forced_makes_every_record_bad(tiny: Path) -> None:
    found = found_in(tiny / "esconv.json", "chat")
    assert [one.reason for one in found if isinstance(one, BadDialogue)] == ["wrong_shape"] * 6


def test_the_forced_shape_decides_where_a_record_fits_several(tmp_path: Path) -> None:
    both = {
        **TALK,
        "messages": [{"role": "user", "content": "It hails."}, {"role": "assistant", "content": "[Question] Where?"}],
    }
    found = _only(written(tmp_path / "both.json", [both]), "chat")
    assert isinstance(found, Dialogue)
    assert spoken(found.turns) == [("seeker", "It hails."), ("supporter", "Where?")]


def test_a_kind_that_is_none_is_refused(tiny: Path) -> None:
    kinds = "mesc, esconv, chat, dialogue, empathetic and hub"
    with pytest.raises(UsageError, match=f"'csv' is not a kind; the kinds are {kinds}"):
        opened(tiny / "esconv.json", "csv")


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"dialog": []}, "esconv"),
        ({"messages": []}, "chat"),
        ({"turns": ()}, "dialogue"),
        ({"dialog": "hello"}, None),
        ({}, None),
        ([], None),
        ("dialog", None),
        (None, None),
    ],
)
def test_what_fits_which_shape(record: Any, kind: str | None) -> None:
    shape = format_of(record)
    assert shape is (FORMATS[kind] if kind else None)


def test_a_row_of_json_text_is_unwrapped() -> None:
    assert unwrap({"text": '{"dialog": []}'}) == {"dialog": []}
    assert unwrap({"text": "not json"}) == {"text": "not json"}
    assert unwrap({"text": "{}", "id": 1}) == {"text": "{}", "id": 1}
    assert unwrap([1]) == [1]


@pytest.mark.parametrize(
    ("record", "reason", "turn"),
    [
        ({"dialog": []}, "empty_dialogue", None),
        ({"dialog": [{"speaker": "seeker", "content": "Hail."}]}, "empty_dialogue", None),
        (
            {"dialog": [{"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "  "}]},
            "empty_dialogue",
            None,
        ),
        ({"dialog": [{"content": "Hail."}]}, "missing_speaker", 0),
        ({"dialog": [{"speaker": None, "content": "Hail."}]}, "missing_speaker", 0),
        ({"dialog": [{"speaker": "narrator", "content": "Hail."}]}, "missing_speaker", 0),
        ({"dialog": [{"speaker": "supporter", "content": "Where?"}]}, "missing_strategy", 0),
        (
            {"dialog": [{"speaker": "supporter", "annotation": {"strategy": " "}, "content": "Where?"}]},
            "missing_strategy",
            0,
        ),
        ({"dialog": [*TALK["dialog"], {"speaker": "sys", "strategy": "Joking", "text": "Ha."}]}, "unknown_strategy", 2),
        ({"dialog": [*TALK["dialog"], {"speaker": "seeker"}]}, "wrong_shape", 2),
        ({"dialog": [*TALK["dialog"], {"speaker": "seeker", "content": 5}]}, "wrong_shape", 2),
        ({"dialog": ["Hail."]}, "wrong_shape", 0),
        (
            {"messages": [{"role": "system", "content": "Help."}, {"role": "tool", "content": "x"}]},
            "missing_speaker",
            1,
        ),
        (
            {"messages": [{"role": "user", "content": "Hail."}, {"role": "system", "content": "x"}]},
            "missing_speaker",
            1,
        ),
        ({"messages": [{"role": "assistant", "content": "Where?"}]}, "missing_strategy", 0),
        ({"messages": [{"role": "assistant", "content": "[] Where?"}]}, "missing_strategy", 0),
        (
            {"messages": [{"role": "user", "content": "Hail."}, {"role": "assistant", "content": "[Joking] Ha."}]},
            "unknown_strategy",
            1,
        ),
        ({"messages": [{"role": "user", "content": None}]}, "wrong_shape", 0),
        ({"messages": [{"role": "assistant", "content": "[Question]"}]}, "empty_dialogue", None),
        ({"turns": []}, "empty_dialogue", None),
        ({"turns": [{"speaker": "user", "text": "Hail."}]}, "missing_speaker", 0),
        (
            {
                "turns": [
                    {"speaker": "supporter", "text": "Where?", "strategy": "Question"},
                    {"speaker": "supporter", "text": "There?"},
                ]
            },
            "missing_strategy",
            1,
        ),
        ({"turns": [{"speaker": "seeker", "text": "Hail.", "strategy": "Question"}]}, "wrong_shape", 0),
        (
            {
                "turns": [
                    {"speaker": "seeker", "text": "Hail.", "cues": [{"modality": "smell", "description": "smoke"}]}
                ]
            },
            "wrong_shape",
            0,
        ),
        ({"turns": [{"speaker": "seeker", "text": "\ud83d"}]}, "wrong_shape", 0),
        (
            {"split": "half", "turns": [{"speaker": "supporter", "strategy": "Question", "text": "Where?"}]},
            "wrong_shape",
            None,
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_turn(
    tmp_path: Path, record: dict[str, Any], reason: str, turn: int | None
) -> None:
    found = _only(written(tmp_path / "bad.json", [record]))
    assert isinstance(found, BadDialogue)
    assert (found.source, found.index, found.turn, found.reason) == ("bad.json", 0, turn, reason)


def test_a_finding_says_file_dialogue_and_turn_but_never_a_whole_message() -> None:
    found = BadDialogue(
        source="a.json", index=3, turn=5, reason="unknown_strategy", detail="'Joking' is none of the eight"
    )
    assert str(found) == "a.json: dialogue 3, turn 5: unknown strategy: 'Joking' is none of the eight"
    assert str(found.model_copy(update={"turn": None})).startswith("a.json: dialogue 3: unknown strategy")


def test_an_endless_strategy_is_shortened_in_the_message(tmp_path: Path) -> None:
    record = {"dialog": [{"speaker": "supporter", "annotation": {"strategy": "J" * 1000}, "content": "Ha."}]}
    assert len(str(_only(written(tmp_path / "bad.json", [record])))) < 150


@pytest.mark.parametrize("annotation", ["Question", ["Question"], 5])
def test_an_annotation_that_is_no_object_is_named(tmp_path: Path, annotation: object) -> None:
    record = {"dialog": [{"speaker": "supporter", "annotation": annotation, "content": "Where?"}]}
    assert isinstance(_only(written(tmp_path / "bad.json", [record])), Dialogue | BadDialogue)


@pytest.mark.parametrize(
    "record",
    [
        {"dialog": [{"speaker": "seeker", "content": "\ud83d"}, *TALK["dialog"]]},
        {"messages": [{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": "[Question] Where?"}]},
    ],
)
def test_half_a_surrogate_pair_is_named(tmp_path: Path, record: dict[str, Any]) -> None:
    found = _only(written(tmp_path / "bad.json", [record]))
    assert isinstance(found, BadDialogue)
    assert (found.turn, found.reason) == (0, "wrong_shape")


def test_mixed_shapes_in_one_file_are_told_one_by_one(tmp_path: Path) -> None:
    path = written(tmp_path / "mixed.json", [TALK, {"turns": []}, 5, TALK])
    found = found_in(path)
    assert [type(one).__name__ for one in found] == ["Dialogue", "BadDialogue", "BadDialogue", "Dialogue"]
    assert [one.index for one in found if isinstance(one, BadDialogue)] == [1, 2]


def test_a_file_of_no_known_shape_is_an_error_that_lists_them(tiny: Path) -> None:
    with pytest.raises(
        SourceError, match=r"wrong_file\.json: a record is an object with data; .*`dialog`.*`messages`.*`turns`"
    ):
        found_in(tiny / "bad" / "wrong_file.json")
