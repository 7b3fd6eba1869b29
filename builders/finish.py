"""The last part of a build and of a rebuild: manifest, splits, card and licence around the tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..cards.croissant import croissant_json
from ..cards.licences import license_text, notice_text
from ..cards.pictures import PICTURES, draw_pictures
from ..cards.render import render_card
from ..schemas.config import Config
from ..schemas.errors import DataError
from ..schemas.inference import Role, TokenLimits
from ..schemas.licence import release_licence
from ..schemas.manifest import BenchmarkRecord, Manifest, ModelRecord, RunRecord, SourceRecord
from ..schemas.rows import rows_of
from ..schemas.spec import BuildSpec
from ..schemas.writing import FileSet
from .assemble import Assembly
from .beside import audit_of_tables, beside_of, changelog_text
from .release.columns import arrow_schema
from .release.layout import (
    CARD,
    CHANGELOG,
    CROISSANT,
    LICENSE,
    MAINTAINERS,
    MANIFEST,
    NOTICE,
    SPLITS,
    config_and_split,
)
from .release.splits import Splits
from .release.write import file_record, record_of, write_text


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


def write_views(root: Path, manifest: Manifest, together: FileSet | None = None, *, draw: bool = True) -> Manifest:
    """Writes what is a view of the other files (card, pictures, licence …), and the manifest that knows them all.

    Args:
        root: the release's folder, with all its other files.
        manifest: of these.
        together: writes them with other files, and puts all back where one cannot be written; None for these alone.
        draw: whether the pictures are drawn anew; where not, those that are there stay.

    Raises:
        DataError: a file that is shown is malformed or damaged, or a table that is needed is not listed.
    """
    if together is None:
        with FileSet(root) as alone:
            return write_views(root, manifest, alone, draw=draw)
    _check_tables(manifest)
    audit, features = audit_of_tables(root, manifest), card_features(manifest.spec.layout)
    pictures = draw_pictures(audit) if draw and audit else {}
    beside = beside_of(root, manifest)
    if draw:
        write_pictures(together, pictures)
        beside = replace(beside, pictures=tuple(pictures))
    texts = {
        CARD: render_card(manifest, features, beside),
        CHANGELOG: changelog_text(root, manifest),
        CROISSANT: croissant_json(manifest, features, beside),
        LICENSE: license_text(manifest, beside.origins),
        NOTICE: notice_text(manifest, beside.origins),
    }
    for file, text in texts.items():
        together.write(file, text)
    views = {file: record_of(text.encode()) for file, text in texts.items()}
    views |= {path: file_record(root / path) for path in beside.pictures}
    if beside.maintainers is not None:  # people write it by hand: here it becomes a file of the release
        views[MAINTAINERS] = file_record(root / MAINTAINERS)
    others = {name: record for name, record in manifest.files.items() if name not in (*PICTURES, MAINTAINERS)}
    manifest = manifest.model_copy(update={"files": dict(sorted({**others, **views}.items()))})
    together.write(MANIFEST, json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    return manifest


def write_pictures(together: FileSet, pictures: Mapping[str, bytes]) -> None:
    """Writes the card's pictures; those of before that are not among them go, and nothing else that lies there."""
    for path in PICTURES:
        if path in pictures:
            together.write(path, pictures[path])
        else:
            together.remove(path)


def _check_tables(manifest: Manifest) -> None:
    """The manifest lists a table of every config: the card tells of each.

    Raises:
        DataError: it does not.
    """
    there = {table[0] for name in manifest.files if (table := config_and_split(name))}
    if missing := [config for config in rows_of(manifest.spec.layout) if config not in there]:
        raise DataError(f"{MANIFEST}: files: it lists no table of {', '.join(missing)}: build the release again")


def card_features(layout: int) -> dict[Config, Any]:
    """Per config of a layout, the columns as the card's `dataset_info` writes them, in `datasets`' own words."""
    from datasets import Features  # slow to import

    return {
        config: Features.from_arrow_schema(arrow_schema(config, layout))._to_yaml_list() for config in rows_of(layout)
    }
