"""The last part of a build and of a rebuild: manifest, splits, card and licence around the tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cards.render import render_card
from ..schemas.config import Config
from ..schemas.inference import Role
from ..schemas.licence import LICENCES, strictest
from ..schemas.manifest import BenchmarkRecord, Manifest, ModelRecord, RunRecord, SourceRecord
from ..schemas.rows import rows_of
from ..schemas.spec import BuildSpec
from .assemble import Assembly
from .release.columns import arrow_schema
from .release.layout import CARD, CHANGELOG, LICENSE, MANIFEST, SPLITS
from .release.splits import Splits
from .release.write import write_text
from .review.store import read_review
from .safety.recall import recall_told


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
        prompts={prompt.id: prompt.sha256 for prompt in assembly.plan.prompts.values()},
        limit=told.limit,
        sources=told.sources,
        benchmarks=told.benchmarks,
        models=dict(told.models),
        license=strictest(set(told.licenses)),
        counts=counts,
        usage=assembly.usages(),
        files=files,
        run=told.run,
    )
    return write_views(root, manifest)


def write_views(root: Path, manifest: Manifest) -> Manifest:
    """Writes what is a view of the tables (card, changelog, licence), and the manifest that knows them all."""
    licence = LICENCES[manifest.license]
    texts = {
        CARD: render_card(
            manifest,
            card_features(manifest.spec.layout),
            review=read_review(root),
            crisis_recall=recall_told(),
        ),
        CHANGELOG: f"# Changelog\n\n## {manifest.version}\n\n{manifest.spec.notes}\n",
        LICENSE: f"The data of this release is under: {licence.name}\n{licence.url or 'See README.md.'}\n",
    }
    views = {file: write_text(root / file, text) for file, text in texts.items()}
    manifest = manifest.model_copy(update={"files": dict(sorted({**manifest.files, **views}.items()))})
    write_text(root / MANIFEST, json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    return manifest


def card_features(layout: int) -> dict[Config, Any]:
    """Per config of a layout, the columns as the card's `dataset_info` writes them, in `datasets`' own words."""
    from datasets import Features  # slow to import

    return {
        config: Features.from_arrow_schema(arrow_schema(config, layout))._to_yaml_list() for config in rows_of(layout)
    }
