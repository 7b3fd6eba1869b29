"""A closed gate stops a publish, unless it is accepted by name, and then the release says so."""

import json
from pathlib import Path

import pytest
from support.publishing import HubServer, publishable
from support.releases import copy_release

from ipm_prefdial.builders.publish.accepting import accept, read_accepted
from ipm_prefdial.builders.publish.conditions import check_closed_gates, read_audit
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.release.write import write_into
from ipm_prefdial.schemas.errors import DataError, UsageError

from .conftest import Publish

GATES = (("faults", 0.0), ("artefact_words", 0.67))
REASON = "A scripted model always says the same; this release is a test."


@pytest.fixture
def telltale(tmp_path: Path) -> Release:
    """A release whose sides are told apart by their words, so that a gate is closed."""
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


def test_an_open_gate_cannot_be_accepted(telltale: Release) -> None:
    with pytest.raises(UsageError, match="--accept faults: that gate is not closed; closed are: artefact_words"):
        accept(read_audit(telltale), (), {"faults": REASON})


def test_what_was_accepted_covers_nothing_worse(telltale: Release) -> None:
    audit = read_audit(telltale)
    accepted = accept(audit, (), {"artefact_words": REASON})
    check_closed_gates(audit, accepted)
    milder = tuple(one.model_copy(update={"value": one.value - 0.1}) for one in accepted)
    with pytest.raises(DataError, match="gate artefact_words"):
        check_closed_gates(audit, milder)


def test_a_new_reason_stands_in_place_of_the_old_one(telltale: Release) -> None:
    audit = read_audit(telltale)
    first = accept(audit, (), {"artefact_words": REASON})
    second = accept(audit, first, {"artefact_words": "Another reason."})
    assert len(second) == len(first)
    assert {one.why for one in second} == {"Another reason."}
    assert accept(audit, first, {}) == first


def test_what_is_no_longer_closed_is_no_longer_said_to_be_accepted(telltale: Release) -> None:
    audit = read_audit(telltale)
    accepted = accept(audit, (), {"artefact_words": REASON})
    opened = tuple(gate.model_copy(update={"passed": True}) for gate in audit.gates)
    assert accept(audit.model_copy(update={"gates": opened}), accepted, {}) == ()


def test_a_malformed_statement_is_told_with_its_field(telltale: Release) -> None:
    write_into(telltale.root, "publishing.json", '{"accepted": [{"name": "faults"}]}')
    with pytest.raises(DataError, match=r"publishing\.json: accepted\.0\.measure"):
        read_accepted(telltale)
    write_into(telltale.root, "publishing.json", "{")
    with pytest.raises(DataError, match=r"publishing\.json: not JSON"):
        read_accepted(telltale)
