"""`--source` finds what it names, with its digest and licence, or says why not."""

import json
from pathlib import Path

import pytest
from support.sources import TALK, dialogues_in, found_in, opened, written

from ipm_prefdial.builders.sources.base import BadDialogue
from ipm_prefdial.builders.sources.files import sha256_of
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.errors import SourceError, UsageError


def _row(text: str, speaker_of_reply: str = "sys") -> dict[str, str]:
    """A row as the Hub's ESConv has it: the dialogue as JSON text."""
    dialog = [
        {"text": text, "speaker": "usr"},
        {"text": "When was that?", "speaker": speaker_of_reply, "strategy": "Question"},
    ]
    return {
        "text": json.dumps({"emotion_type": "sadness", "problem_type": "work", "situation": text, "dialog": dialog})
    }


def _rows(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset folder in the form of the Hub's ESConv, with a card."""
    folder = tmp_path / "talks"
    folder.mkdir()
    written(folder / "train.json", _rows(_row("The kiln broke."), _row("The tram left.")))
    written(folder / "valid.json", _rows(_row("The garden froze.")))
    written(folder / "test.json", _rows(_row("The oven is cold.")))
    written(folder / "README.md", "---\nlicense: cc-by-nc-4.0\ntags:\n- support\n---\n# Talks\n")
    return folder


def test_the_sample_has_fifty_dialogues_under_its_own_licence() -> None:
    source = opened("sample")
    dialogues = dialogues_in("sample")
    assert (source.name, source.kind, source.license) == ("sample", "dialogue", "cc-by-4.0")
    assert len(dialogues) == 50
    assert {one.license for one in dialogues} == {"cc-by-4.0"}
    assert len({one.dialogue_id for one in dialogues}) == 50


def test_a_file_is_named_without_its_folders_and_has_its_digest(tiny: Path) -> None:
    source = opened(tiny / "esconv.json")
    assert (source.name, source.uri, source.license, source.revision) == ("esconv", "esconv.json", "unknown", None)
    assert source.sha256 == sha256_of(tiny / "esconv.json")


def test_a_source_can_be_read_again_and_gives_the_same(tiny: Path) -> None:
    source = opened(tiny / "chat.json")
    assert list(source) == list(source)


def test_a_licence_that_is_stated_is_taken(tiny: Path) -> None:
    assert {one.license for one in dialogues_in(tiny / "esconv.json", license="cc-by-nc-4.0")} == {"cc-by-nc-4.0"}


def test_a_licence_that_is_unknown_here_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match=r"'gpl-2' is not a licence that is known here; the known ones are cc0-1\.0"):
        opened(tiny / "esconv.json", license="gpl-2")


def test_a_dialogue_under_an_unknown_licence_stops_the_reading(tmp_path: Path) -> None:
    turns = [{"speaker": "supporter", "text": "Where?", "strategy": "Question"}]
    path = written(tmp_path / "own.jsonl", _rows({"turns": turns}, {"license": "gpl-2", "turns": turns}))
    with pytest.raises(SourceError, match=r"own\.jsonl: dialogue 1: 'gpl-2' is not a licence"):
        found_in(path)


def test_other_bytes_than_the_spec_pins_are_refused(tiny: Path) -> None:
    right = sha256_of(tiny / "esconv.json")
    assert opened(tiny / "esconv.json", sha256=right).sha256 == right
    with pytest.raises(SourceError, match=f"its sha256 is {right}, but the spec wants {'0' * 64}"):
        opened(tiny / "esconv.json", sha256="0" * 64)


@pytest.mark.parametrize(
    "uri",
    [
        "nowhere.json",
        "./nowhere",
        "/nowhere/at/all.jsonl",
        "chat:nowhere.json",
        "org/nowhere.json",
        "hub:nowhere.jsonl",
        "no id",
    ],
)
def test_a_path_that_is_not_there_is_no_such_file(uri: str) -> None:
    with pytest.raises(SourceError, match="no such file"):
        opened(uri)


def test_a_path_that_is_too_long_is_a_wrong_source() -> None:
    with pytest.raises(SourceError):
        opened("x" * 300)


@pytest.mark.parametrize("uri", ["org/name--x", "org/name.", "org-/name", f"org/{'x' * 100}"])
def test_an_id_that_the_hub_does_not_allow_is_a_wrong_source(uri: str) -> None:
    with pytest.raises(SourceError):
        opened(uri)


def test_a_file_whose_name_looks_like_a_kind_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "notes:one.json", [TALK])
    assert len(dialogues_in("notes:one.json")) == 1


def test_a_dataset_folder_is_read_split_by_split_under_its_cards_licence(dataset: Path) -> None:
    dialogues = dialogues_in(dataset)
    assert [(one.split, one.situation) for one in dialogues] == [
        (Split.TRAIN, "The kiln broke."),
        (Split.TRAIN, "The tram left."),
        (Split.VALIDATION, "The garden froze."),
        (Split.TEST, "The oven is cold."),
    ]
    assert {(one.source, one.license) for one in dialogues} == {("talks", "cc-by-nc-4.0")}
    assert [turn.speaker.value for turn in dialogues[0].turns] == ["seeker", "supporter"]


def test_a_row_of_a_dataset_folder_has_the_id_of_the_same_dialogue_elsewhere(dataset: Path, tmp_path: Path) -> None:
    (native,) = dialogues_in(written(tmp_path / "one.json", [TALK]))
    assert dialogues_in(dataset)[0].dialogue_id == native.dialogue_id


def test_a_stated_licence_goes_before_the_cards(dataset: Path) -> None:
    assert opened(dataset, license="mit").license == "mit"


@pytest.mark.parametrize(
    "card",
    [
        None,
        "# No head\n",
        "---\nlicense: gpl-2\n---\n",
        "---\nlicense: [mit]\n---\n",
        "---\nlicense: : :\n---\n",
        "---\n- mit\n---\n",
        "---\n---\n",
        "text\n---\nlicense: mit\n---\n",
    ],
)
def test_a_card_without_a_known_licence_is_unknown(dataset: Path, card: str | None) -> None:
    (dataset / "README.md").unlink()
    if card is not None:
        written(dataset / "README.md", card)
    assert opened(dataset).license == "unknown"


def test_a_dataset_folders_digest_covers_its_files_but_not_the_clients_own(dataset: Path) -> None:
    before = opened(dataset).sha256
    (dataset / ".cache").mkdir()
    written(dataset / ".cache" / "download.lock", "x")
    assert opened(dataset).sha256 == before
    written(dataset / "test.json", _rows(_row("The oven is warm.")))
    assert opened(dataset).sha256 != before


def test_a_bad_row_of_a_dataset_folder_is_named(dataset: Path) -> None:
    written(dataset / "valid.json", _rows(_row("The garden froze.", speaker_of_reply="bot")))
    found = found_in(dataset)
    assert [str(one) for one in found if not isinstance(one, Dialogue)] == [
        "talks: dialogue 2, turn 1: missing speaker: speaker is 'bot'"
    ]


@pytest.mark.parametrize(
    ("content", "told"), [("", "broken: cannot be read as a dataset"), ('{"text": oops}\n', "train.json: line 1")]
)
def test_a_dataset_folder_that_cannot_be_read_is_named(tmp_path: Path, content: str, told: str) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    if content:
        written(folder / "train.json", content)
    with pytest.raises(SourceError, match=told):
        found_in(folder)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("valid", Split.VALIDATION),
        ("val", Split.VALIDATION),
        ("dev", Split.VALIDATION),
        ("test", Split.TEST),
        ("extra", None),
    ],
)
def test_a_split_that_the_card_names_is_one_of_ours_or_none(tmp_path: Path, name: str, split: Split | None) -> None:
    folder = tmp_path / "named"
    folder.mkdir()
    written(folder / "part.json", _rows(_row("The kiln broke.")))
    card = f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: {name}\n    path: part.json\n---\n"
    written(folder / "README.md", card)
    assert [one.split for one in dialogues_in(folder)] == [split]


def test_a_strange_first_record_is_one_bad_dialogue_among_good_ones(tmp_path: Path) -> None:
    good = {"dialog": [{"speaker": "supporter", "content": "Hello.", "annotation": {"strategy": "Others"}}]}
    path = written(tmp_path / "mixed.json", json.dumps([{"note": "read me"}, good]))
    first, second = opened(path)
    assert isinstance(first, BadDialogue)
    assert first.reason == "wrong_shape"
    assert isinstance(second, Dialogue)
