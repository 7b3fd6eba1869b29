"""The conditions for publishing: a known licence, an audit, and all guarantees of the release kept."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from ...cards.tables import loadable
from ...schemas.audit import AUDIT_FILE as AUDIT
from ...schemas.audit import Audit, GateResult
from ...schemas.config import DEFAULT_CONFIG
from ...schemas.dialogue import Split
from ...schemas.documents import read_json
from ...schemas.errors import DataError, UsageError
from ...schemas.licence import LICENCES, UNKNOWN
from ...schemas.publishing import PUBLISHING_FILE, AcceptedGate, Publishing
from ..auditing.gates import check_gates
from ..auditing.subjects import ReleaseSource
from ..release.parts import read_part
from ..release.read import Release
from ..release.validate import validate_release

_SHOWN = 3


def check_licence(release: Release) -> None:
    """Checks that the licence allows redistribution.

    Raises:
        DataError: it does not, or it is unknown.
    """
    named = release.manifest.license
    licence = LICENCES.get(named, LICENCES[UNKNOWN])
    sources = ", ".join(one.name for one in release.manifest.sources if one.license == named) or "a source"
    if licence.id == UNKNOWN:
        raise DataError(
            f"{release.root}: the licence is unknown ({sources} states none): find out what it is and build with "
            "--license ID, or leave that source out"
        )
    if not licence.may_pass_on:
        raise DataError(
            f"{release.root}: the licence {licence.id} ({sources}) does not let the data be passed on: build without "
            "that source"
        )


def check_promises(release: Release) -> None:
    """Checks that the release validates.

    Raises:
        DataError: it breaks a guarantee; the message names the first findings.
    """
    findings = list(islice(validate_release(release), _SHOWN + 1))
    if findings:
        more = " …" if len(findings) > _SHOWN else ""
        told = "; ".join(str(one) for one in findings[:_SHOWN])
        raise DataError(f"{release.root}: it does not validate (`ipm-prefdial validate` tells all): {told}{more}")


def read_audit(release: Release) -> Audit:
    """The audit in the release, if it was made from its tables, with its gates checked again.

    Raises:
        DataError: there is none, it is malformed, or it is of other tables.
    """
    advice = f"run `ipm-prefdial audit {release.root}`"
    path = release.root / AUDIT
    if AUDIT not in release.manifest.files:
        raise DataError(f"{release.root}: it was not audited: {advice}")
    audit = _parsed(path)
    source = ReleaseSource(release, release.root.name)
    if audit.subject.sha256 != source.subject().sha256:
        raise DataError(f"{path}: it is the audit of other tables: {advice}")
    # The answers in the file could have been edited by hand; the measures are bound to the tables by their digest.
    return audit.model_copy(update={"gates": check_gates(audit, source.gates, source.facts)})


def _parsed(path: Path) -> Audit:
    try:
        return Audit.model_validate(read_json(path, path.parent))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def check_gates_passed(audit: Audit, accepted: Sequence[AcceptedGate]) -> None:
    """Checks that every gate passed, does not apply, or was accepted by name.

    Raises:
        DataError: a gate failed or cannot tell, or is worse than what was accepted.
    """
    left = [gate for gate in audit.unpassed if not any(one.covers(gate) for one in accepted)]
    if not left:
        return
    names = list(dict.fromkeys(gate.name for gate in left))
    more = f" ({len(left)} measures of {len(names)} gates: {', '.join(names)})" if len(left) > 1 else ""
    raise DataError(
        f"gate {gate_in_words(left[0])}{more}; make better data, or publish it all the same with "
        f'--accept {left[0].name} --why "…"'
    )


def gate_in_words(gate: GateResult) -> str:
    """A gate that did not pass, with its measure and the reason, as text."""
    value = "" if gate.value is None else f" is {gate.value:.4g}"
    between = "" if gate.low is None or gate.high is None else f" (95 % bounds: {gate.low:.4g}, {gate.high:.4g})"
    least = " at least" if gate.bound == "least" else ""
    note = f"; {gate.note}" if gate.note else ""
    said = "cannot tell" if gate.answer == "cannot_tell" else gate.answer
    return f"{gate.name} {said}: {gate.measure}{value}{between}, limit{least} {gate.limit:.4g}: {gate.why}{note}"


def check_default_config(release: Release) -> None:
    """Checks that the default config can be loaded and trained on; no accepted gate replaces its rows.

    Raises:
        DataError: it has no rows to train on.
    """
    if Split.TRAIN not in loadable(release.manifest).get(DEFAULT_CONFIG, ()):
        raise DataError(
            f"{release.root}: {DEFAULT_CONFIG.value} has no rows in {Split.TRAIN.value}: "
            f'load_dataset(…, "{DEFAULT_CONFIG.value}", split="{Split.TRAIN.value}") fails, and no --accept helps; '
            "the drop reasons on the card say where its candidates went"
        )


# Gates that did not pass but that the maintainer accepts, each by name and with a reason, in the release itself.


def read_accepted(release: Release) -> tuple[AcceptedGate, ...]:
    """The accepted gates of the release.

    Raises:
        DataError: `publishing.json` is malformed; the message names the field.
    """
    publishing = read_part(release.root / PUBLISHING_FILE, Publishing)
    return publishing.accepted if publishing else ()


def accept(audit: Audit, earlier: tuple[AcceptedGate, ...], reasons: Mapping[str, str]) -> tuple[AcceptedGate, ...]:
    """The accepted gates with these added; earlier ones stay as long as they do not pass.

    Args:
        audit: of the release.
        earlier: the gates that the release already accepts.
        reasons: by gate name, why all of its measures that failed or cannot tell are acceptable.

    Raises:
        UsageError: a named gate passed, or does not exist.
    """
    unpassed = {(gate.name, gate.measure) for gate in audit.unpassed}
    names = {name for name, _ in unpassed}
    for name in reasons:
        if name not in names:
            there = ", ".join(sorted(names)) or "none"
            raise UsageError(f"--accept {name}: no such gate failed or cannot tell; those that do: {there}")
    # A gate that passes by now needs no excuse any more, and a card that still had one would mislead.
    kept = [one for one in earlier if one.name not in reasons and (one.name, one.measure) in unpassed]
    new = [
        AcceptedGate(
            name=gate.name,
            measure=gate.measure,
            value=gate.value,
            limit=gate.limit,
            why=reasons[gate.name],
            outcome=gate.answer,
        )
        for gate in audit.unpassed
        if gate.name in reasons
    ]
    return tuple(sorted((*kept, *new), key=lambda one: (one.name, one.measure)))


def publishing_json(accepted: tuple[AcceptedGate, ...]) -> str:
    return json.dumps(Publishing(accepted=accepted).model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
