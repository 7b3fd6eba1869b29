"""Gates that the maintainer lets pass although they are closed: named, reasoned, and part of the release."""

import json
from collections.abc import Mapping

from pydantic import ValidationError

from ...schemas.audit import Audit
from ...schemas.errors import DataError, UsageError
from ...schemas.publishing import FILE_NAME, AcceptedGate, Publishing
from ..finish import write_views
from ..release.read import Release
from ..release.write import write_into


def read_accepted(release: Release) -> tuple[AcceptedGate, ...]:
    """The gates that the release says were accepted.

    Raises:
        DataError: `publishing.json` is malformed; the message names the field.
    """
    path = release.root / FILE_NAME
    if not path.is_file():
        return ()
    try:
        return Publishing.model_validate(json.loads(path.read_bytes())).accepted
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error


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


def write_accepted(release: Release, accepted: tuple[AcceptedGate, ...]) -> Release:
    """The release with `publishing.json` in it and the card written again; untouched where it says so already."""
    if accepted == read_accepted(release):
        return release
    text = json.dumps(Publishing(accepted=accepted).model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_into(release.root, FILE_NAME, text)
    write_views(release.root, Release(release.root).manifest)
    return Release(release.root)
