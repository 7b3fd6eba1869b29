"""Sources are taken in dialogue by dialogue; a bad one stops the build or is counted, as the user wants it."""

import re
from pathlib import Path

import pytest
from support.dialogues import dialogue, seeker, supporter
from support.sources import TALK, dialogues_in, opened, taken_in, written

from ipm_prefdial.builders.building.ingest import Ingested, OnBadDialogue
from ipm_prefdial.builders.safety.pii import mask_pii
from ipm_prefdial.builders.sources.source import Source
from ipm_prefdial.schemas.dialogue import Split, Turn
from ipm_prefdial.schemas.errors import SourceError
from ipm_prefdial.schemas.safety import PiiKind
from ipm_prefdial.schemas.spec import SafetyRule

_BAD = [
    (
        "unknown_strategy.json",
        "unknown_strategy",
        "dialogue 1, turn 3: unknown strategy: 'Cheering Up' is none of the eight",
    ),
    ("missing_strategy.json", "missing_strategy", "dialogue 1, turn 1: missing strategy"),
    ("missing_speaker.json", "missing_speaker", "dialogue 1, turn 2: missing speaker: speaker is None"),
    ("empty_dialogue.json", "empty_dialogue", "dialogue 1: empty dialogue: it has no turns"),
    ("wrong_shape.json", "wrong_shape", "dialogue 1: wrong shape: a record is an object with conversation"),
    (
        "duplicate.json",
        "duplicate_dialogue",
        "dialogue 2, turn 0: duplicate dialogue: the same words as duplicate.json: dialogue 0",
    ),
]


def test_dialogues_come_back_in_order_with_position_and_counts(tiny: Path, tmp_path: Path) -> None:
    names = ("esconv.json", "failed.json", "dialogues.jsonl")
    ingested = taken_in(*(opened(tiny / name) for name in names), spool=tmp_path / "spool")
    wanted = [one for name in names for one in dialogues_in(tiny / name)]
    assert [placed.dialogue for placed in ingested] == wanted
    assert [placed.position for placed in ingested] == list(range(10))
    assert [(one.name, one.kind, one.dialogues, one.turns) for one in ingested.sources] == [
        ("esconv", "esconv", 6, 36),
        ("failed", "esconv", 2, 8),
        ("dialogues", "dialogue", 2, 6),
    ]
    assert ingested.licenses == {"unknown", "cc-by-4.0"}


def test_an_intake_can_be_walked_through_again(tiny: Path, tmp_path: Path) -> None:
    ingested = taken_in(opened(tiny / "esconv.json"), spool=tmp_path / "spool")
    assert list(ingested) == list(ingested)


def test_splits_part_the_dialogues_and_respect_a_sources_own(tiny: Path, tmp_path: Path) -> None:
    ingested = taken_in(opened(tiny / "esconv.json"), opened(tiny / "dialogues.jsonl"), spool=tmp_path / "spool")
    ids = [one.dialogue_id for split in Split for one in ingested.of_split(split)]
    assert sorted(ids) == sorted(placed.dialogue.dialogue_id for placed in ingested)
    own = dialogues_in(tiny / "dialogues.jsonl")[0]
    assert own in list(ingested.of_split(Split.TEST))


@pytest.mark.parametrize(("file", "reason", "message"), _BAD)
def test_a_bad_dialogue_stops_the_build_and_is_named(
    tiny: Path, tmp_path: Path, file: str, reason: str, message: str
) -> None:
    with pytest.raises(SourceError, match=re.escape(f"{file}: {message}")) as caught:
        taken_in(opened(tiny / "bad" / file), spool=tmp_path / "spool")
    assert "--on-bad-dialogue skip" in str(caught.value)


@pytest.mark.parametrize(("file", "reason", "message"), _BAD)
def test_a_bad_dialogue_is_left_out_and_counted(
    tiny: Path, tmp_path: Path, file: str, reason: str, message: str
) -> None:
    ingested = taken_in(opened(tiny / "bad" / file), spool=tmp_path / "spool", on_bad="skip")
    (record,) = ingested.sources
    assert record.skipped == {reason: 1}
    kept = [placed.dialogue.problem for placed in ingested]
    assert kept[0] == "academic pressure"
    assert kept[-1] == "ongoing depression"
    assert record.dialogues == len(kept) == (3 if reason == "duplicate_dialogue" else 2)


@pytest.mark.parametrize("on_bad", ["stop", "skip"])
@pytest.mark.parametrize(
    "file", ["not_json.json", "not_json_line.jsonl", "not_utf8.json", "empty.json", "wrong_file.json"]
)
def test_a_bad_file_stops_the_build_either_way(tiny: Path, tmp_path: Path, file: str, on_bad: str) -> None:
    with pytest.raises(SourceError, match=re.escape(file)):
        taken_in(opened(tiny / "bad" / file), spool=tmp_path / "spool", on_bad=on_bad)  # type: ignore[arg-type]


def test_several_faults_are_counted_by_reason(tmp_path: Path) -> None:
    silent, strange = {"dialog": []}, {"dialog": [{"speaker": "bot", "content": "x"}]}
    path = written(tmp_path / "many.json", [TALK, silent, strange, TALK, silent, 7])
    (record,) = taken_in(opened(path), spool=tmp_path / "spool", on_bad="skip").sources
    assert record.skipped == {"duplicate_dialogue": 1, "empty_dialogue": 2, "missing_speaker": 1, "wrong_shape": 1}
    assert (record.dialogues, record.turns) == (1, 2)


def test_the_same_file_twice_is_a_duplicate(tiny: Path, tmp_path: Path) -> None:
    twice = (opened(tiny / "esconv.json"), opened(tiny / "esconv.json"))
    with pytest.raises(
        SourceError,
        match=r"esconv\.json: dialogue 0, turn 0: duplicate dialogue: the same words as esconv\.json: dialogue 0",
    ):
        taken_in(*twice, spool=tmp_path / "spool")
    ingested = taken_in(*twice, spool=tmp_path / "spool", on_bad="skip")
    assert [(one.dialogues, one.skipped) for one in ingested.sources] == [(6, {}), (0, {"duplicate_dialogue": 6})]


def test_the_same_dialogue_in_another_shape_is_a_duplicate(tiny: Path, tmp_path: Path) -> None:
    ingested = taken_in(
        opened(tiny / "esconv.json"), opened(tiny / "chat.json"), spool=tmp_path / "spool", on_bad="skip"
    )
    assert ingested.sources[1].skipped == {"duplicate_dialogue": 2}


@pytest.mark.parametrize(
    ("limit", "counts"), [(1, (1, 0)), (5, (5, 0)), (6, (6, 0)), (7, (6, 1)), (None, (6, 2)), (99, (6, 2))]
)
def test_a_limit_counts_dialogues_over_all_sources(
    tiny: Path, tmp_path: Path, limit: int | None, counts: tuple[int, int]
) -> None:
    ingested = taken_in(
        opened(tiny / "esconv.json"), opened(tiny / "failed.json"), spool=tmp_path / "spool", limit=limit
    )
    assert tuple(one.dialogues for one in ingested.sources) == counts
    assert len(list(ingested)) == sum(counts)


def test_a_bad_dialogue_beyond_the_limit_stops_nothing(tiny: Path, tmp_path: Path) -> None:
    ingested = taken_in(opened(tiny / "bad" / "unknown_strategy.json"), spool=tmp_path / "spool", limit=1)
    assert len(list(ingested)) == 1


def test_dialogues_that_were_left_out_do_not_count_towards_the_limit(tiny: Path, tmp_path: Path) -> None:
    ingested = taken_in(
        opened(tiny / "bad" / "unknown_strategy.json"), spool=tmp_path / "spool", limit=2, on_bad="skip"
    )
    assert [placed.dialogue.problem for placed in ingested] == ["academic pressure", "ongoing depression"]


@pytest.mark.parametrize("records", [[], [{"dialog": []}]])
def test_sources_without_any_dialogue_are_named(tmp_path: Path, records: list[object]) -> None:
    path = written(tmp_path / "nothing.json", records)
    with pytest.raises(SourceError, match=r"no dialogue in nothing\.json"):
        taken_in(opened(path), spool=tmp_path / "spool", on_bad="skip")


def test_half_a_surrogate_pair_about_the_seeker_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "half.json", [{**TALK, "situation": "\ud83d"}])
    with pytest.raises(SourceError, match=r"half\.json"):
        taken_in(opened(path), spool=tmp_path / "spool")


# What tells of a person, and signs of a crisis.


_PERSONAL = ("Write to jo.doe@example.org, please.", "My name is Sarah Miller.")


def _talks(path: Path, *openings: str) -> Source:
    talks = [
        dialogue(seeker(opening), supporter(f"When was that, number {number}?"))
        for number, opening in enumerate(openings)
    ]
    path.write_text("".join(one.model_dump_json(exclude={"dialogue_id"}) + "\n" for one in talks))
    return opened(path)


def _first_words(ingested: Ingested) -> list[str]:
    return [placed.dialogue.turns[0].text for placed in ingested]


def test_personal_data_is_masked_before_anything_else_and_counted(tmp_path: Path) -> None:
    source = _talks(tmp_path / "talks.jsonl", _PERSONAL[0], "It hails.", " ".join(_PERSONAL))
    ingested = taken_in(source, spool=tmp_path / "spool", safety=SafetyRule(personal_data="mask"))
    assert _first_words(ingested) == [mask_pii(_PERSONAL[0]), "It hails.", mask_pii(" ".join(_PERSONAL))]
    (record,) = ingested.sources
    assert record.masked == {PiiKind.EMAIL: 2, PiiKind.NAME: 1}
    assert (record.dialogues, record.skipped) == (3, {})
    assert "example.org" not in (tmp_path / "spool").read_text()
    assert list(ingested.splits.ids) == [placed.dialogue.dialogue_id for placed in ingested]


@pytest.mark.parametrize("on_bad", ["stop", "skip"])
def test_dialogues_with_personal_data_are_left_out_and_counted(tmp_path: Path, on_bad: OnBadDialogue) -> None:
    source = _talks(tmp_path / "talks.jsonl", _PERSONAL[0], "It hails.", _PERSONAL[1])
    ingested = taken_in(source, spool=tmp_path / "spool", on_bad=on_bad, safety=SafetyRule(personal_data="drop"))
    assert _first_words(ingested) == ["It hails."]
    (record,) = ingested.sources
    assert (record.dialogues, record.turns, record.skipped, record.masked) == (1, 2, {"personal_data": 2}, {})


def test_a_release_that_keeps_personal_data_changes_nothing(tmp_path: Path) -> None:
    source = _talks(tmp_path / "talks.jsonl", *_PERSONAL)
    ingested = taken_in(source, spool=tmp_path / "spool")
    assert _first_words(ingested) == list(_PERSONAL)
    assert ingested.sources[0].model_dump().keys().isdisjoint({"masked"})


def test_dialogues_that_are_one_once_they_are_masked_are_duplicates(tmp_path: Path) -> None:
    openings = ("Write to jo@example.org now.", "Write to max@example.org now.")
    talks = [dialogue(seeker(opening), supporter("When was that?")) for opening in openings]
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(one.model_dump_json(exclude={"dialogue_id"}) + "\n" for one in talks))
    mask = SafetyRule(personal_data="mask")
    ingested = taken_in(opened(path), spool=tmp_path / "spool", on_bad="skip", safety=mask)
    (record,) = ingested.sources
    assert (record.dialogues, record.skipped) == (1, {"duplicate_dialogue": 1})
    assert record.masked == {PiiKind.EMAIL: 1}


def test_dialogues_in_a_crisis_are_known_at_intake_and_nobody_learns_from_them(tmp_path: Path) -> None:
    source = _talks(tmp_path / "talks.jsonl", "I want to kill myself.", "It hails.")
    ingested = taken_in(source, spool=tmp_path / "spool", safety=SafetyRule(crisis="hold_out"))
    grave, calm = ingested
    assert [found.turn for found in grave.by_rule or ()] == [0]
    assert not calm.by_rule
    learnt = [one.turns[0].text for split in Split for one in ingested.of_split(split)]
    assert learnt == ["It hails."]
    kept = taken_in(source, spool=tmp_path / "spool")
    assert sum(1 for split in Split for _ in kept.of_split(split)) == 2


def test_a_dialogue_that_repeats_an_earlier_one_says_which(tmp_path: Path) -> None:
    words = "The kiln on the hill went cold in the hail and nobody came to look at it all day long".split()
    openings = [" ".join(words), "It hails.", " ".join([*words, "again"])]
    talks = [dialogue(seeker(opening), supporter("When was that?")) for opening in openings]
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(one.model_dump_json(exclude={"dialogue_id"}) + "\n" for one in talks))
    ingested = taken_in(opened(path), spool=tmp_path / "spool")
    assert [placed.repeats for placed in ingested] == [None, None, talks[0].dialogue_id]


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (
            [seeker("a" * 100_001), supporter("When?")],
            "turn 0: too long: 100001 characters, and a turn may have 100000",
        ),
        ([seeker("a"), supporter("When?")] * 1_001, "too long: 2002 turns, and a dialogue may have 2000"),
        ([seeker("a" * 99_999), supporter("When?")] * 6, "too long: 600024 characters, and a dialogue may"),
    ],
    ids=["turn", "turns", "characters"],
)
def test_a_dialogue_beyond_all_bounds_is_a_bad_one(tmp_path: Path, turns: list[Turn], said: str) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text(dialogue(*turns).model_dump_json(exclude={"dialogue_id"}) + "\n")
    with pytest.raises(SourceError, match=re.escape(said)):
        taken_in(opened(path), spool=tmp_path / "spool", safety=SafetyRule(personal_data="mask"))
    calm = _talks(tmp_path / "calm.jsonl", "It hails.")
    ingested = taken_in(opened(path), calm, spool=tmp_path / "spool", on_bad="skip")
    assert ingested.sources[0].skipped == {"too_long": 1}


def test_a_dialogue_of_as_many_turns_as_it_may_have_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "talks.jsonl"
    turns = [turn for number in range(1_000) for turn in (seeker(f"It hails, {number}."), supporter("When?"))]
    path.write_text(dialogue(*turns).model_dump_json(exclude={"dialogue_id"}) + "\n")
    (placed,) = taken_in(opened(path), spool=tmp_path / "spool")
    assert len(placed.dialogue.turns) == 2_000
