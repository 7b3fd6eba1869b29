"""`audit` as a user runs it: what it prints and writes, its exit codes, and what it says of mistakes."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.command import ipm_prefdial
from support.releases import build_scripted, shared_release

from ipm_prefdial.builders.auditing.gates import GATES
from ipm_prefdial.builders.publishing.conditions import accept, publishing_json
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.release.write import write_into
from ipm_prefdial.schemas.audit import Audit

_PAIRS = [{"q": f"question {at}?", "good": f"answer {at}.", "bad": f"reply {at}."} for at in range(30)]


@pytest.fixture
def lenient(tmp_path: Path) -> Path:
    """A release of few rows whose gates ask for no more."""
    spec = shared_release().manifest.spec.model_copy(update={"gates": {"faults": 0, "rows": 0}})
    return build_scripted(tmp_path / "lenient", limit=5, spec=spec).root


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A dataset of somebody else's."""
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _PAIRS))
    return path


def test_release_whose_gates_pass_ends_with_0_and_holds_its_audit(lenient: Path) -> None:
    done = ipm_prefdial("audit", lenient)
    assert done.code == 0, done.err
    assert "Chosen told from rejected" in done.out
    audit = Audit.model_validate_json((lenient / "audit.json").read_bytes())
    assert audit.subject.name == "lenient"
    assert "lenient" in (lenient / "report.html").read_text(encoding="utf-8")
    assert list(validate_release(Release(lenient))) == []


def test_json_is_the_audit_and_no_write_writes_nothing(lenient: Path) -> None:
    done = ipm_prefdial("audit", lenient, "--json", "--no-write", "--sample", "20")
    assert done.code == 0
    audit = Audit.model_validate_json(done.out)
    assert all(one.auc.n <= 20 for one in audit.artefacts)
    assert not (lenient / "audit.json").exists()
    assert not (lenient / "report.html").exists()


def test_failed_gate_ends_with_1_and_is_named(tmp_path: Path) -> None:
    shutil.copytree(shared_release().root, tmp_path / "release")
    done = ipm_prefdial("audit", tmp_path / "release")
    assert done.code == 1
    line = next(line for line in done.err.splitlines() if "artefact_words " in line)
    assert "gate artefact_words failed: response: AUC of words is 1 (95 % bounds: 0.9" in line
    assert "limit 0.67" in line
    assert "Gates that did not pass" in done.out
    assert " not applicable" in done.out.splitlines()[-1]


def test_gate_that_cannot_tell_ends_with_1_says_what_a_pass_needs_and_can_be_accepted(tmp_path: Path) -> None:
    spec = shared_release().manifest.spec.model_copy(update={"gates": {"artefact_length": 0.97, "rows": 0}})
    folder = build_scripted(tmp_path / "small", limit=5, spec=spec).root
    done = ipm_prefdial("audit", folder)
    assert done.code == 1, done.out
    assert "gate artefact_length cannot tell: response: AUC of length" in done.err
    assert "cannot tell (a model of many might reach" in done.err and "a pass needs about" in done.err
    assert "it takes more data, or `publish --accept" in " ".join(done.out.split())

    audit = Audit.model_validate_json((folder / "audit.json").read_bytes())
    write_into(folder, "publishing.json", publishing_json(accept(audit, (), {"artefact_length": "It is a test."})))
    assert ipm_prefdial("audit", folder).code == 0


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_of_nothing_nothing_is_said(tmp_path: Path, rows: int) -> None:
    """No rows, one pair, one dialogue: no gate that estimates passes, and each says why."""
    path = tmp_path / "pairs.parquet"
    columns = {name: [row[name] for row in _PAIRS[:rows]] for name in ("q", "good", "bad")}
    pq.write_table(
        pa.table({**columns, "d": ["one"] * rows}, pa.schema([(n, pa.string()) for n in "q good bad d".split()])), path
    )
    done = ipm_prefdial("audit", path, "--columns", "prompt=q,chosen=good,rejected=bad,dialogue=d", "--json")
    assert done.code == 1
    gates = Audit.model_validate_json(done.out).gates
    assert set(GATES) == {gate.name for gate in gates}
    assert {gate.answer for gate in gates if gate.name.startswith("artefact")} == {"cannot_tell"}
    assert all(gate.note for gate in gates if gate.answer in ("cannot_tell", "not_applicable"))
    assert all(gate.value is None for gate in gates if gate.answer == "not_applicable")
    if not rows:
        assert "passed" not in {gate.answer for gate in gates}


def test_other_dataset_is_audited_and_left_alone(foreign: Path) -> None:
    done = ipm_prefdial("audit", foreign, "--columns", "prompt=q,chosen=good,rejected=bad", "--json")
    assert done.code == 1  # "answer" gives the chosen side away
    audit = Audit.model_validate_json(done.out)
    assert audit.subject.columns == {"prompt": "q", "chosen": "good", "rejected": "bad"}
    assert "artefact_words" in {gate.name for gate in audit.failed}
    assert sorted(path.name for path in foreign.parent.iterdir() if path.is_file()) == ["pairs.jsonl"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "no such folder"),
        (["."], "--columns"),
        (["pairs.jsonl", "--columns", "chosen=good"], "rejected=COLUMN is missing"),
        (["pairs.jsonl", "--columns", "chosen=good,rejected=worse"], "no column worse; there are q, good, bad"),
        (["nowhere", "--columns", "chosen=good,rejected=bad"], "no such file"),
        ([".", "--sample", "0"], "--sample"),
    ],
)
def test_mistakes_are_told_in_a_line(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(foreign.parent)
    done = ipm_prefdial("audit", *words)
    assert done.code == 2
    assert message in done.err


def test_damaged_release_ends_with_1(tmp_path: Path) -> None:
    shutil.copytree(shared_release().root, tmp_path / "release")
    (tmp_path / "release/data/response/train-00000-of-00001.parquet").write_bytes(b"PAR1")
    done = ipm_prefdial("audit", tmp_path / "release")
    assert done.code == 1
    assert "cannot be read" in done.err


def test_every_gate_gives_its_reason() -> None:
    assert all(len(gate.why) > 20 for gate in GATES.values())
