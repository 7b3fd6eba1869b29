"""Audits for tests: of releases, and of pairs that a test makes up."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from support.releases import shared_release

from ipm_prefdial.builders.auditing.foreign import ForeignSource, read_columns
from ipm_prefdial.builders.auditing.run import audit_source
from ipm_prefdial.builders.auditing.subjects import ReleaseSource
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.audit import Artefact, Audit

USUAL = "prompt=prompt,chosen=chosen,rejected=rejected,dialogue=dialogue"
"""The columns of `made_up`."""

Row = dict[str, Any]


def audit_release(release: Release, sample: int = 2_000) -> Audit:
    """The audit of a release as it now is on disk."""
    return audit_source(ReleaseSource(Release(release.root), "tested"), sample)


def audit_rows(folder: Path, rows: Sequence[Row] | dict[str, Sequence[Row]], columns: str = USUAL) -> Audit:
    """The audit of rows, or of splits of rows, that are written to JSON Lines in a folder first."""
    by_split = rows if isinstance(rows, dict) else {"train": rows}
    folder.mkdir(exist_ok=True)
    for split, some in by_split.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
    return audit_source(ForeignSource(folder, read_columns(columns), "tested"))


def found_faults(audit: Audit) -> dict[tuple[str, str], int]:
    """Faults that occur, by config and kind."""
    return {(one.config, one.kind): one.count for one in audit.faults if one.count}


def artefact(audit: Audit, config: str, features: str) -> Artefact:
    """One artefact of an audit."""
    return next(one for one in audit.artefacts if (one.config, one.features) == (config, features))


@lru_cache
def shared_audit() -> Audit:
    """The audit of the shared scripted release, made once a process."""
    return audit_release(shared_release())
