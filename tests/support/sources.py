"""Reading sources in tests: files on the spot, and what was found in them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipm_prefdial.builders.building.ingest import Benchmark, Ingested, OnBadDialogue, ingest
from ipm_prefdial.builders.sources.shapes import BadDialogue
from ipm_prefdial.builders.sources.source import Source, open_source
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.spec import SourceRef, SplitRule

RULE = SplitRule(salt="test", validation=0.2, test=0.2, near_duplicate=0.6)

TALK = {
    "dialog": [
        {"speaker": "seeker", "content": "The kiln broke."},
        {"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "When was that?"},
    ]
}
"""The smallest dialogue, in ESConv's form."""


def opened(uri: str | Path, kind: str = "", **fields: Any) -> Source:
    """The source at `uri`, of a forced kind where one is given."""
    return open_source(SourceRef(uri=f"{kind}:{uri}" if kind else str(uri), **fields))


def found_in(uri: str | Path, kind: str = "", **fields: Any) -> list[Dialogue | BadDialogue]:
    """Everything that the source gives, in order."""
    return list(opened(uri, kind, **fields))


def dialogues_in(uri: str | Path, kind: str = "", **fields: Any) -> list[Dialogue]:
    """The dialogues of a source that has nothing else."""
    found = found_in(uri, kind, **fields)
    assert [str(one) for one in found if isinstance(one, BadDialogue)] == []
    return [one for one in found if isinstance(one, Dialogue)]


def written(path: Path, value: Any) -> Path:
    """`path`, after bytes, text or a JSON value were written there."""
    data = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    path.write_bytes(data)
    return path


def taken_in(
    *sources: Source,
    spool: Path,
    on_bad: OnBadDialogue = "stop",
    limit: int | None = None,
    benchmarks: Sequence[Benchmark] = (),
    **rules: Any,
) -> Ingested:
    """The ingested of these sources under a plain split rule; by 1.0.0 otherwise, but for what `rules` say."""
    spec = load_release("1.0.0").spec.model_copy(update={"splits": RULE, **rules})
    return ingest(sources, spec, spool, on_bad=on_bad, limit=limit, benchmarks=benchmarks)
