"""A gate that did not pass stops a publish, unless it is accepted by name, and then the release says so."""

import json
from pathlib import Path

import pytest
from support.publishing import HubServer, publishable
from support.releases import change_rows, copy_release

from ipm_prefdial.builders.publishing.conditions import accept, check_gates_passed, read_accepted, read_audit
from ipm_prefdial.builders.release.layout import MANIFEST
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.release.write import write_into
from ipm_prefdial.schemas.audit import Audit, Outcome
from ipm_prefdial.schemas.errors import DataError, UsageError
from ipm_prefdial.schemas.publishing import Publishing

from .conftest import Publish

GATES = (("faults", 0.0), ("artefact_words", 0.67))
REASON = "A scripted model always says the same; this release is a test."


@pytest.fixture
def telltale(tmp_path: Path) -> Release:
    """A release whose sides are told apart by their words, so that a gate fails."""
    return copy_release(tmp_path / "release", publishable("1.0.0", 12, gates=GATES))


def test_an_accepted_gate_is_part_of_the_release(hub: HubServer, repo: str, send: Publish, telltale: Release) -> None:
    with pytest.raises(DataError, match="--accept artefact_words --why"):
        send(telltale)
    before = {path: path.read_bytes() for path in telltale.root.rglob("*") if path.is_file()}
    assert send(telltale, accept={"artefact_words": REASON}, dry_run=True).state == "not sent"
    assert {path: path.read_bytes() for path in telltale.root.rglob("*") if path.is_file()} == before

    assert send(telltale, accept={"artefact_words": REASON}).state == "published"
    said = json.loads(hub.repo(repo).bytes_of("publishing.json", "v1.0.0"))["accepted"]
    assert {one["name"] for one in said} == {"artefact_words"}
    assert all(one["why"] == REASON and one["value"] > one["limit"] == 0.67 for one in said)
    assert list(validate_release(Release(telltale.root))) == []
    assert send(telltale).state == "already published"
    assert send(telltale, accept={"artefact_words": REASON}).state == "already published"


def test_a_gate_that_passed_cannot_be_accepted(telltale: Release) -> None:
    with pytest.raises(UsageError, match=r"--accept faults: no such gate failed or cannot tell; .*: artefact_words"):
        accept(read_audit(telltale), (), {"faults": REASON})


def test_what_was_accepted_covers_nothing_worse(telltale: Release) -> None:
    audit = read_audit(telltale)
    accepted = accept(audit, (), {"artefact_words": REASON})
    check_gates_passed(audit, accepted)
    milder = tuple(one.model_copy(update={"value": one.value - 0.1}) for one in accepted)
    with pytest.raises(DataError, match="gate artefact_words"):
        check_gates_passed(audit, milder)


def test_a_new_reason_stands_in_place_of_the_old_one(telltale: Release) -> None:
    audit = read_audit(telltale)
    first = accept(audit, (), {"artefact_words": REASON})
    second = accept(audit, first, {"artefact_words": "Another reason."})
    assert len(second) == len(first)
    assert {one.why for one in second} == {"Another reason."}
    assert accept(audit, first, {}) == first


def test_what_passes_now_is_no_longer_said_to_be_accepted(telltale: Release) -> None:
    audit = read_audit(telltale)
    accepted = accept(audit, (), {"artefact_words": REASON})
    assert accept(_with_outcome(audit, "passed"), accepted, {}) == ()


def test_a_gate_that_cannot_tell_stops_a_publish_until_it_is_accepted_as_such(telltale: Release) -> None:
    audit = _with_outcome(read_audit(telltale), "cannot_tell")
    with pytest.raises(DataError, match=r"gate artefact_words cannot tell: response: AUC of words.*--accept artefact"):
        check_gates_passed(audit, ())
    accepted = accept(audit, (), {"artefact_words": REASON})
    assert {one.outcome for one in accepted} == {"cannot_tell"}
    check_gates_passed(audit, accepted)
    with pytest.raises(DataError, match="gate artefact_words failed"):
        check_gates_passed(_with_outcome(audit, "failed"), accepted)


def test_a_gate_without_a_value_is_accepted_too(telltale: Release) -> None:
    audit = _with_outcome(read_audit(telltale), "cannot_tell")
    gates = tuple(gate.model_copy(update={"value": None, "low": None, "high": None}) for gate in audit.gates)
    accepted = accept(audit.model_copy(update={"gates": gates}), (), {"artefact_words": REASON})
    assert [one.value for one in accepted] == [None]
    check_gates_passed(audit.model_copy(update={"gates": gates}), accepted)


def test_what_earlier_versions_wrote_of_accepted_gates_is_read() -> None:
    old = {"name": "faults", "measure": "response: empty_side", "value": 2.0, "limit": 0.0, "why": "Known."}
    (one,) = Publishing.model_validate({"format": 1, "accepted": [old]}).accepted
    assert one.outcome == "failed"
    assert one.model_dump(mode="json") == old


def test_an_empty_default_config_is_refused_whatever_is_accepted(send: Publish, tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", publishable("1.0.0", 12))
    path = "data/response/train-00000-of-00001.parquet"
    change_rows(release, path, list.clear)
    manifest = json.loads((release.root / MANIFEST).read_bytes())
    manifest["files"][path]["rows"] = 0
    (release.root / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(DataError, match=r"response has no rows in train.*no --accept helps"):
        send(Release(release.root), accept={"rows": REASON}, dry_run=True)


def test_too_few_rows_stop_a_publish(tmp_path: Path) -> None:
    audit = read_audit(copy_release(tmp_path / "release", publishable("1.0.0", 12, gates=(("rows", 25.0),))))
    with pytest.raises(DataError, match=r"gate rows failed: .*limit at least 25.*--accept rows"):
        check_gates_passed(audit, ())
    accepted = accept(audit, (), {"rows": REASON})
    check_gates_passed(audit, accepted)
    fewer = tuple(one.model_copy(update={"value": (one.value or 0) + 1}) for one in accepted)
    with pytest.raises(DataError, match="gate rows failed"):
        check_gates_passed(audit, fewer)


def _with_outcome(audit: Audit, outcome: Outcome) -> Audit:
    """The audit in which the gate about words says something else."""
    passed = {"passed": True, "failed": False}.get(outcome)
    return audit.model_copy(
        update={
            "gates": tuple(
                gate.model_copy(update={"outcome": outcome, "passed": passed})
                if gate.name == "artefact_words"
                else gate
                for gate in audit.gates
            )
        }
    )


def test_a_malformed_statement_is_told_with_its_field(telltale: Release) -> None:
    write_into(telltale.root, "publishing.json", '{"accepted": [{"name": "faults"}]}')
    with pytest.raises(DataError, match=r"publishing\.json: accepted\.0\.measure"):
        read_accepted(telltale)
    write_into(telltale.root, "publishing.json", "{")
    with pytest.raises(DataError, match=r"publishing\.json: not JSON"):
        read_accepted(telltale)
