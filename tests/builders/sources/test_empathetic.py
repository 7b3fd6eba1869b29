"""EmpatheticDialogues: utterances become dialogues without strategies, from CSV as it was published and as rows."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from support.sources import TALK, dialogues_in, found_in, opened, taken_in, written

from ipm_prefdial.builders.sources._empathetic import FORMAT
from ipm_prefdial.builders.sources.base import BadDialogue
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import SourceError

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"
LINES = [
    'hit:0_conv:1,1,afraid,The kiln broke_comma_ and I am alone.,14,"It" broke in the hail_comma_ all of it.,5|5|5,',
    "hit:0_conv:1,2,afraid,The kiln broke_comma_ and I am alone.,9,Oh no. Were you inside?,5|5|5",
    "hit:0_conv:1,3,afraid,The kiln broke_comma_ and I am alone.,14,No.,5|5|5,<HELLO>",
    "hit:1_conv:2,1,proud,I glazed it.,3,I glazed the big one.,5|5|5,",
    "hit:1_conv:2,2,proud,I glazed it.,4,Well done!,5|5|5,",
]
PUBLISHED = "\n".join([HEADER, *LINES]) + "\n"


def test_utterances_become_dialogues_whose_listeners_name_no_strategy(tmp_path: Path) -> None:
    first, second = dialogues_in(written(tmp_path / "valid.csv", PUBLISHED), license="cc-by-nc-4.0")
    assert [(turn.speaker, turn.text, turn.strategy) for turn in first.turns] == [
        ("seeker", '"It" broke in the hail, all of it.', None),
        ("supporter", "Oh no. Were you inside?", None),
        ("seeker", "No.", None),
    ]
    assert (first.emotion, first.situation) == ("afraid", "The kiln broke, and I am alone.")
    assert (first.source, first.license, first.split) == ("empathetic_dialogues", "cc-by-nc-4.0", Split.VALIDATION)
    assert [turn.text for turn in second.turns] == ["I glazed the big one.", "Well done!"]


def test_another_files_name_is_the_sources_and_tells_no_split(tmp_path: Path) -> None:
    (one, *_) = dialogues_in(written(tmp_path / "some.csv", PUBLISHED))
    assert (one.source, one.split) == ("some", None)


def test_rows_of_json_lines_and_csv_that_was_written_anew_are_the_same(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame([dict(zip(HEADER.split(","), line.split(","), strict=False)) for line in LINES]).fillna("")
    table["utterance"] = table["utterance"].str.replace("_comma_", ",")
    table.to_csv(tmp_path / "quoted.csv", index=False)
    table.astype({"speaker_idx": int}).to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    wanted = [one.turns for one in dialogues_in(written(tmp_path / "plain.csv", PUBLISHED))]
    for name in ("quoted.csv", "rows.jsonl"):
        assert [one.turns for one in dialogues_in(tmp_path / name)] == wanted


def test_a_third_speaker_is_a_fault_with_its_turn(tmp_path: Path) -> None:
    third = "hit:1_conv:2,3,proud,I glazed it.,5,Me too.,5|5|5,"
    found = found_in(written(tmp_path / "three.csv", f"{PUBLISHED}{third}\n"))
    (bad,) = (one for one in found if isinstance(one, BadDialogue))
    assert (bad.index, bad.turn, bad.reason) == (1, 2, "missing_speaker")


@pytest.mark.parametrize(
    "utterance", ["Hello.", {"speaker_idx": 1}, {"utterance": "Hello."}, {"speaker_idx": [1], "utterance": "Hello."}]
)
def test_an_utterance_without_speaker_or_words_is_named_with_its_turn(tmp_path: Path, utterance: object) -> None:
    record = {"utterances": [{"speaker_idx": 1, "utterance": "The kiln broke."}, utterance]}
    (found,) = found_in(written(tmp_path / "bad.json", [record]))
    assert isinstance(found, BadDialogue)
    assert (found.turn, found.reason) == (1, "wrong_shape")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\nPia,7\n", "line 1: no column conv_id"),
        (f"{HEADER}\nhit:0,1,sad\n", "line 2: 3 cells where the header has 8"),
        (f"{HEADER}\n{LINES[0]}\n{LINES[1]},a,b\n", "line 3: 9 cells where the header has 8"),
        ("", "the file is empty"),
    ],
)
def test_a_csv_of_another_form_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        found_in(written(tmp_path / "train.csv", text))


def test_a_release_without_traces_says_what_is_missing(tmp_path: Path) -> None:
    source = opened(written(tmp_path / "train.csv", PUBLISHED))
    with pytest.raises(SourceError, match=r"train.csv: dialogue 0, turn 1: missing strategy: .* release 1.0.0 has no"):
        taken_in(source, spool=tmp_path / "spool")
    talk = opened(written(tmp_path / "talk.json", [TALK]))
    ingested = taken_in(source, talk, spool=tmp_path / "spool", on_bad="skip")
    assert [one.skipped for one in ingested.sources] == [{"missing_strategy": 2}, {}]


@given(some.lists(some.sampled_from("abc"), max_size=12))
def test_runs_of_one_conversation_are_one_record_and_nothing_is_lost(names: list[str]) -> None:
    column = dict.fromkeys(("context", "prompt", "utterance"), "x") | {"speaker_idx": 1}
    rows = [({"conv_id": name, "utterance_idx": at, **column}, None) for at, name in enumerate(names)]
    found = [[one["utterance_idx"] for one in record["utterances"]] for record, _ in FORMAT.rows.gather(rows)]
    assert [at for run in found for at in run] == list(range(len(names)))
    for run, after in pairwise(found):
        assert len({names[at] for at in run}) == 1
        assert names[run[-1]] != names[after[0]]


def test_other_records_pass_one_by_one() -> None:
    passed = []
    for record, split in FORMAT.rows.gather((TALK, None) for _ in range(3)):
        passed.append((record, split))
    assert passed == [(TALK, None)] * 3


@pytest.mark.parametrize("missing", ["conv_id", "utterance"])
def test_a_header_needs_every_column(missing: str) -> None:
    columns = ["conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance"]
    assert FORMAT.rows.fits(columns)
    assert not FORMAT.rows.fits([column for column in columns if column != missing])
