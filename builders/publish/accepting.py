"""Gates that did not pass and that the maintainer accepts all the same: named, reasoned, and part of the release."""

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
    """What is accepted once these gates are, too; what was accepted earlier stays as long as it does not pass.

    Args:
        audit: of the release.
        earlier: what the release says already.
        reasons: why each gate may be passed over, by its name: all of its measures that failed or cannot tell.

    Raises:
        UsageError: a gate that is named passed, or there is none of that name.
    """
    unpassed = {(gate.name, gate.measure) for gate in audit.unpassed}
    names = {name for name, _ in unpassed}
    for name in reasons:
        if name not in names:
            there = ", ".join(sorted(names)) or "none"
            raise UsageError(f"--accept {name}: no such gate failed or cannot tell; those that do: {there}")
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
    """The contents of `publishing.json`."""
    return json.dumps(Publishing(accepted=accepted).model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
