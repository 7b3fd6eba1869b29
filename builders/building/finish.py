"""The last part of a build and of a rebuild: manifest, splits, card and licence around the tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...schemas.inference import Role, TokenLimits
from ...schemas.licence import release_licence
from ...schemas.manifest import BenchmarkRecord, Manifest, ModelRecord, RunRecord, SourceRecord
from ...schemas.spec import BuildSpec
from ..release.layout import SPLITS
from ..release.refresh import write_views
from ..release.splits import Splits
from ..release.write import write_text
from .assemble import Assembly


@dataclass(frozen=True)
class Provenance:
    """What a manifest says besides what the tables hold."""

    spec: BuildSpec
    spec_sha256: str
    limit: int | None
    sources: tuple[SourceRecord, ...]
    benchmarks: tuple[BenchmarkRecord, ...]
    models: Mapping[Role, tuple[ModelRecord, ...]]
    licenses: frozenset[str]
    run: RunRecord
    repo: str | None = None
    tokens: Mapping[Role, TokenLimits] = field(default_factory=dict)


def finish_release(root: Path, assembly: Assembly, splits: Splits, told: Provenance) -> Manifest:
    """Closes the tables and writes every other file of the release into `root`.

    Args:
        root: the folder that the assembly's writer writes to.
        assembly: after it has taken in every dialogue.
        splits: what was decided; `splits.json` is made of it.
        told: where the data came from.
    """
    counts = assembly.counts()
    files = assembly.writer.finish()
    held_out = assembly.held_out if told.spec.safety.crisis == "hold_out" else None
    text = json.dumps(splits.as_json(told.spec.splits, held_out), indent=1) + "\n"
    files[SPLITS] = write_text(root / SPLITS, text)
    manifest = Manifest(
        version=told.spec.version,
        spec=told.spec,
        spec_sha256=told.spec_sha256,
        prompts={prompt.id: prompt.sha256 for prompt in assembly.plan.all_prompts},
        limit=told.limit,
        sources=told.sources,
        benchmarks=told.benchmarks,
        models=dict(told.models),
        tokens=dict(told.tokens),
        license=release_licence(told.licenses),
        repo=told.repo,
        counts=counts,
        usage=assembly.usages(),
        files=files,
        run=told.run,
    )
    return write_views(root, manifest, draw=False)
