"""`audit` as a user runs it: what it prints and writes, its exit codes, and what it says of mistakes."""

import json
import shutil
from pathlib import Path

import pytest
from support.command import ipm_prefdial
from support.releases import build_scripted, shared_release

from ipm_prefdial.builders.audit.gates import GATES
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.audit import Audit

_PAIRS = [{"q": f"question {at}?", "good": f"answer {at}.", "bad": f"reply {at}."} for at in range(30)]


@pytest.fixture
def lenient(tmp_path: Path) -> Path:
    """A release whose one gate is open."""
    spec = shared_release().manifest.spec.model_copy(update={"gates": {"faults": 0}})
    return build_scripted(tmp_path / "lenient", limit=5, spec=spec).root


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A dataset of somebody else's."""
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _PAIRS))
    return path


def test_release_with_open_gates_ends_with_0_and_holds_its_audit(lenient: Path) -> None:
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


def test_closed_gate_ends_with_1_and_is_named(tmp_path: Path) -> None:
    shutil.copytree(shared_release().root, tmp_path / "release")
    done = ipm_prefdial("audit", tmp_path / "release")
    assert done.code == 1
    line = next(line for line in done.err.splitlines() if "artefact_words:" in line)
    assert "response: AUC of words: 1 (95 %: 1 to 1), limit 0.67" in line
    assert "Closed gates" in done.out


def test_other_dataset_is_audited_and_left_alone(foreign: Path) -> None:
    done = ipm_prefdial("audit", foreign, "--columns", "prompt=q,chosen=good,rejected=bad", "--json")
    assert done.code == 1  # "answer" gives the chosen side away
    audit = Audit.model_validate_json(done.out)
    assert audit.subject.columns == {"prompt": "q", "chosen": "good", "rejected": "bad"}
    assert "artefact_words" in {gate.name for gate in audit.closed}
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
