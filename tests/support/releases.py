"""Releases for tests: built by a script in place of models, and altered with one known fault at a time.

Nothing here needs a network. `build_scripted` makes a whole release out of any sources; the other functions change one
thing in a copy of it, so that a test can say which fault it planted and expect exactly that to be found.
"""

import atexit
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from support.script import scripted_answer, spelt_answer

from ipm_prefdial.builders.building._assemble import Assembly, Find, Provenance, assemble, finish_release
from ipm_prefdial.builders.building.ingest import ingest, read_benchmarks
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.release.layout import MANIFEST, arrow_schema, config_and_split
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.write import ROWS_PER_GROUP, ReleaseWriter
from ipm_prefdial.builders.runtime.environment import package_versions
from ipm_prefdial.builders.sources.source import open_source
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.base import canonical_json
from ipm_prefdial.schemas.inference import ModelRef, Role, Task
from ipm_prefdial.schemas.manifest import ModelRecord, RunRecord
from ipm_prefdial.schemas.spec import BuildSpec, SourceRef

Row = dict[str, Any]

SCRIPTED = ModelRef(name="scripted", revision="r1")
"""The model that every role of a scripted release is played by."""

SCRIPTED_JUDGES = (SCRIPTED, ModelRef(name="scripted-too"), ModelRef(name="scripted-three", revision="r3"))
"""The judges of a scripted release whose layout has panels."""


def scripted_plan(spec: BuildSpec | None = None) -> MiningPlan:
    """The plan in which `SCRIPTED` plays every role of `spec` (1.0.0 where none is given); in a panel, not alone."""
    spec = spec or load_release("1.0.0").spec
    models = {role: (SCRIPTED,) for role in Role if spec.inference(Task(role.value)) is not None}
    return MiningPlan.of(spec, models if spec.layout == 1 else models | {Role.JUDGE: SCRIPTED_JUDGES})


def build_scripted(
    root: Path,
    sources: Sequence[str] = ("sample",),
    limit: int | None = None,
    answer: Find | None = None,
    *,
    release: str = "1.0.0",
    spec: BuildSpec | None = None,
    benchmarks: Sequence[str] = (),
    packages: dict[str, str] | None = None,
) -> Release:
    """A whole release in the new folder `root`, made as a build makes it but with `answer` in the models' place.

    Args:
        root: a folder that does not exist yet.
        sources: what `--source` would name.
        limit: dialogues after which reading stops.
        answer: the script; one that suits the layout where it is None.
        release: the released spec that it is made by.
        spec: another spec than the released one.
        benchmarks: what `--decontaminate` would name.
        packages: the versions that the manifest states; those installed where it is None.
    """
    released = load_release(release)
    versions = package_versions() if packages is None else packages
    spec = spec or released.spec
    root.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        opened = [open_source(SourceRef(uri=uri)) for uri in sources]
        read = read_benchmarks(benchmarks, spec.overlap_words or 0)
        spool = Path(folder, "spool.jsonl")
        ingested = ingest(opened, spec, spool, on_bad="skip", limit=limit, benchmarks=read)
        plan = scripted_plan(spec)
        script = answer or (scripted_answer if spec.layout == 1 else spelt_answer)
        assembly = Assembly(plan, steps_of(spec), script, ReleaseWriter(root, spec.layout))
        assemble(ingested, assembly)
        told = Provenance(
            spec=spec,
            spec_sha256=released.sha256,
            limit=limit,
            sources=ingested.sources,
            benchmarks=ingested.benchmarks,
            models={
                role: tuple(ModelRecord(ref=ref, kind="scripted") for ref in refs) for role, refs in plan.models.items()
            },
            licenses=ingested.licenses,
            run=RunRecord(started="", wall_s=0, cost_usd=None, python="", packages=versions, git=None),
        )
        finish_release(root, assembly, ingested.splits, told)
    return Release(root)


@lru_cache
def shared_release(release: str = "1.0.0", limit: int | None = None) -> Release:
    """The scripted release of the sample, built once a process; only to be read (see `copy_release`).

    Where no limit is given and its layout has panels, and so many more calls, it is of the first sixteen dialogues.
    """
    folder = tempfile.mkdtemp(prefix="ipm-prefdial-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    limit = 16 if limit is None and load_release(release).spec.layout > 1 else limit
    return build_scripted(Path(folder, "release"), limit=limit, release=release)


def copy_release(root: Path, release: Release | None = None) -> Release:
    """A copy in the new folder `root` that may be altered; of `shared_release` where no other is given."""
    shutil.copytree((release or shared_release()).root, root)
    return Release(root)


def read_rows(release: Release, file: str) -> list[Row]:
    """The rows of a shard, as plain dictionaries."""
    return pq.ParquetFile(release.root / file).read().to_pylist()


def write_rows(path: Path, rows: Sequence[Row], schema: pa.Schema, **options: Any) -> None:
    """Writes a shard as a release does, unless `options` (of `pyarrow.parquet.write_table`) say otherwise."""
    usual = {
        "compression": "zstd",
        "use_content_defined_chunking": True,
        "write_page_index": True,
        "write_page_checksum": True,
        "row_group_size": ROWS_PER_GROUP,
    }
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, **(usual | options))


def change_rows(release: Release, file: str, change: Callable[[list[Row]], Any], **options: Any) -> None:
    """Reads a shard, lets `change` alter its list of rows in place, and writes it back with the same columns."""
    table = config_and_split(file)
    assert table is not None, f"{file} is not a shard"
    rows = read_rows(release, file)
    change(rows)
    write_rows(release.root / file, rows, arrow_schema(table[0], release.layout), **options)


def change_cell(release: Release, file: str, row: int, column: str, value: Any) -> None:
    """Puts `value` into one cell; `column` may lead into lists and structs, as in `prompt.0.content`.

    A `value` that can be called is given the old value and returns the new one.
    """

    def change(rows: list[Row]) -> None:
        holder: Any = rows[row]
        *way, last = (int(part) if part.isdigit() else part for part in column.split("."))
        for part in way:
            holder = holder[part]
        holder[last] = value(holder[last]) if callable(value) else value

    change_rows(release, file, change)


def flip_byte(path: Path, at: int | None = None) -> None:
    """Inverts one byte of a file: that at `at`, or the one in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 0xFF
    path.write_bytes(data)


def flip_name(path: Path, column: str) -> None:
    """Inverts one byte of a column's name in the schema at a shard's end, so that the name is not UTF-8."""
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    flip_byte(path, data.index(column.encode(), footer) + 2)


def change_manifest(root: Path, change: Callable[[dict[str, Any]], Any]) -> Release:
    """Lets `change` alter the manifest's JSON in place; the release as it then is."""
    path = root / MANIFEST
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Release(root)


def refresh_hashes(root: Path) -> Release:
    """Makes the manifest's records say what the files now are, so that no digest alone betrays an alteration."""

    def refresh(manifest: dict[str, Any]) -> None:
        for name, record in manifest["files"].items():
            if not (root / name).is_file():
                continue
            data = (root / name).read_bytes()
            if record["sha256"] == (digest := hashlib.sha256(data).hexdigest()):
                continue
            record |= {"sha256": digest, "bytes": len(data)}
            if config_and_split(name) is not None:
                record |= _rows_of(root / name)

    return change_manifest(root, refresh)


def _rows_of(path: Path) -> dict[str, Any]:
    """What a manifest says of a shard's rows; nothing where they cannot be read."""
    try:
        rows = pq.ParquetFile(path).read().to_pylist()
    except (OSError, ValueError, pa.ArrowException):
        return {}
    return {"rows": len(rows), "rows_sha256": digest_of_rows(rows)}


def digest_of_rows(rows: Sequence[Row]) -> str:
    """The digest of rows in canonical form, a line each."""
    return hashlib.sha256(b"".join(canonical_json(row) + b"\n" for row in rows)).hexdigest()
