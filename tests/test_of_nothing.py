"""What every verb says of nothing: absence is never good news, and never a traceback.

One table: the command, its exit code, and words that it says. `tests/recipes/test_of_nothing.py` is the same for
metrics, views and recipes.
"""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipm_prefdial.builders.cli.main import main


def dialogue(number: int, strategy: str = "Question") -> dict[str, Any]:
    """An invented dialogue of four turns."""
    return {
        "license": "mit",
        "turns": [
            {"speaker": "seeker", "text": f"I feel low since week {number} of the move to the city."},
            {"speaker": "supporter", "text": f"What was hardest in week {number} for you?", "strategy": strategy},
            {"speaker": "seeker", "text": f"The {number} empty evenings."},
            {"speaker": "supporter", "text": f"How did you spend evening {number}?", "strategy": strategy},
        ],
    }


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of files and releases that hold little or nothing; the commands run in it."""
    root = tmp_path_factory.mktemp("nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        Path("empty.jsonl").write_text("")
        Path("blank.jsonl").write_text("\n \n")
        Path("list.json").write_text("[]")
        Path("null.json").write_text("null")
        Path("no_turns.jsonl").write_text(json.dumps({"license": "mit", "turns": []}) + "\n")
        Path("seeker_alone.jsonl").write_text(json.dumps({**dialogue(1), "turns": dialogue(1)["turns"][:1]}) + "\n")
        Path("one.jsonl").write_text(json.dumps(dialogue(1)) + "\n")
        Path("alike.jsonl").write_text("".join(json.dumps(dialogue(number)) + "\n" for number in range(12)))
        Path("folder").mkdir()
        Path("sheet.csv").write_text("item,error_a,error_b,better\n")
        pq.write_table(
            pa.table({"chosen": pa.array([], pa.string()), "rejected": pa.array([], pa.string())}), "no.parquet"
        )
        pq.write_table(pa.table({"chosen": ["Tell me more."], "rejected": ["Cheer up!"]}), "pair.parquet")
        for name in ("one", "alike"):
            assert main(["build", "--out", name, "--source", f"{name}.jsonl"]) == 1
        yield root


TABLE = [
    # of no data
    ("build --out x --source empty.jsonl", 2, "the file is empty"),
    ("build --out x --source blank.jsonl", 2, "the file is empty"),
    ("build --out x --source list.json", 2, "no dialogue in list.json"),
    ("build --out x --source null.json", 2, "a record is NoneType"),
    ("build --out x --source no_turns.jsonl --on-bad-dialogue skip", 2, "no dialogue"),
    ("build --out x --source seeker_alone.jsonl --on-bad-dialogue skip", 2, "no dialogue"),
    ("build --out x --source folder", 2, "cannot be read as a dataset"),
    ("build --out x --source absent.jsonl", 2, "no such file"),
    # of no release
    ("validate folder", 2, "there is no manifest.json"),
    ("verify folder", 2, "there is no manifest.json"),
    ("audit folder", 2, "there is no manifest.json"),
    ("card folder", 2, "there is no manifest.json"),
    ("diff folder one", 2, "there is no manifest.json"),
    ("review export folder --out r", 2, "there is no manifest.json"),
    ("publish folder --repo a/b --dry-run", 2, "there is no manifest.json"),
    # of a release of one dialogue, or of one strategy alone: sound, and good for nothing
    ("validate one", 0, "without a row, so that `load_dataset` refuses them: response"),
    ("verify one", 0, "every byte is the same"),
    ("audit one", 1, "gate rows failed: strategy: rows in train is 1, limit at least 25"),
    ("audit one", 1, "artefact_words cannot tell"),
    ("audit alike", 1, "artefact_length cannot tell"),
    ("audit alike", 1, "filter_keeping cannot tell"),
    ("diff one one", 0, "nothing differs"),
    ("review export one --out r", 1, "response has no pairs to review"),
    ("review crisis one --out c.csv", 2, "no config crisis_holdout"),
    ("publish one --repo a/b --dry-run", 1, "response has no rows in train"),
    ("publish one --repo a/b --dry-run --accept rows --why small", 1, "no --accept helps"),
    # of preference data of somebody else's
    ("audit no.parquet --columns chosen=chosen,rejected=rejected", 1, "cannot tell"),
    ("audit pair.parquet --columns chosen=chosen,rejected=rejected", 1, "cannot tell"),
    # of no answers
    ("evaluate one --planner corpus --out e", 1, "has no supporter turn to evaluate on"),
    ("evaluate one --predictions empty.jsonl --out e", 2, "no predictions in it"),
    ("recipe run tiny/planner/sft --data one --out t", 1, "no rows in split validation"),
    ("recipe run validate-release --data one --scale tiny --out v", 1, "no rows in split test"),
]


@pytest.mark.parametrize(("words", "code", "said"), TABLE, ids=[f"{words} > {said[:20]}" for words, _, said in TABLE])
def test_a_verb_says_what_is_missing(
    nothing: Path, words: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(nothing)
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    before = sorted(path for path in nothing.rglob("*"))
    assert main(shlex.split(words)) == code
    out, err = capfd.readouterr()
    assert said in " ".join((out + err).split())
    assert "Traceback" not in err
    made = {path.relative_to(nothing).parts[0] for path in sorted(nothing.rglob("*")) if path not in before}
    # A build keeps what it has recorded beside its place, and a run what it was asked for; neither looks finished.
    assert made <= {"one", "alike", "x.partial", "t"}


@pytest.mark.parametrize("name", ["one", "alike"])
def test_no_gate_passes_where_nothing_was_counted(
    nothing: Path, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(nothing)
    assert main(["audit", name, "--json", "--no-write"]) == 1
    gates = json.loads(capfd.readouterr().out)["gates"]
    assert gates
    assert not [gate for gate in gates if gate["passed"] and gate["value"] is None]
    # An AUC or a bias of a handful of pairs, or of one strategy, passes nothing; exact counts over what there is may.
    measured = [gate for gate in gates if gate["name"].startswith(("artefact", "filter", "order"))]
    assert {gate["outcome"] for gate in measured} <= {"cannot_tell", "not_applicable", "failed"}


@pytest.mark.parametrize("name", ["one", "alike"])
def test_the_card_claims_nothing(nothing: Path, name: str) -> None:
    card = (nothing / name / "README.md").read_text(encoding="utf-8")
    assert "No person has compared its verdicts with their own yet." in card
    assert 'load_dataset("ORG/IPM-PrefDial", "response"' not in card
