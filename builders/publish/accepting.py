"""Gates that the maintainer lets pass although they are closed: named, reasoned, and part of the release."""

import json
from collections.abc import Mapping

from ...schemas.audit import Audit
from ...schemas.errors import UsageError
from ...schemas.publishing import FILE_NAME, AcceptedGate, Publishing
from ..release.parts import read_part
from ..release.read import Release


def read_accepted(release: Release) -> tuple[AcceptedGate, ...]:
    """The gates that the release says were accepted.

    Raises:
        DataError: `publishing.json` is malformed; the message names the field.
    """
    publishing = read_part(release.root / FILE_NAME, Publishing)
    return publishing.accepted if publishing else ()


def accept(audit: Audit, earlier: tuple[AcceptedGate, ...], reasons: Mapping[str, str]) -> tuple[AcceptedGate, ...]:
    """What is accepted once these gates are, too; what was accepted earlier stays as long as it is closed.

    Args:
        audit: of the release.
        earlier: what the release says already.
        reasons: why each gate may pass, by its name.

    Raises:
        UsageError: a gate that is named is not closed.
    """
    closed = {(gate.name, gate.measure) for gate in audit.closed}
    names = {name for name, _ in closed}
    for name in reasons:
        if name not in names:
            raise UsageError(
                f"--accept {name}: that gate is not closed; closed are: {', '.join(sorted(names)) or 'none'}"
            )
    kept = [one for one in earlier if one.name not in reasons and (one.name, one.measure) in closed]
    new = [
        AcceptedGate(name=gate.name, measure=gate.measure, value=gate.value, limit=gate.limit, why=reasons[gate.name])
        for gate in audit.closed
        if gate.name in reasons and gate.value is not None
    ]
    return tuple(sorted((*kept, *new), key=lambda one: (one.name, one.measure)))


def publishing_json(accepted: tuple[AcceptedGate, ...]) -> str:
    """The contents of `publishing.json`."""
    return json.dumps(Publishing(accepted=accepted).model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
