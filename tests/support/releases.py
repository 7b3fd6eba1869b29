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

from ipm_prefdial.builders.assemble import Assembly, Find, assemble
from ipm_prefdial.builders.environment import package_versions
from ipm_prefdial.builders.finish import Provenance, finish_release
from ipm_prefdial.builders.intake import splits_text, take_in
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import find_steps
from ipm_prefdial.builders.release.columns import arrow_schema
from ipm_prefdial.builders.release.layout import MANIFEST, config_and_split
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.write import ROWS_PER_GROUP, ReleaseWriter
from ipm_prefdial.builders.releases import load_release
from ipm_prefdial.builders.sources.source import open_source
from ipm_prefdial.schemas.base import canonical_json
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Outcome, Request, Role
from ipm_prefdial.schemas.manifest import ModelRecord, RunRecord
from ipm_prefdial.schemas.spec import BuildSpec, SourceRef
from ipm_prefdial.schemas.strategy import Strategy

Row = dict[str, Any]

SCRIPTED = ModelRef(name="scripted", revision="r1")
"""The model that every role of a scripted release is played by."""

SCRIPTED_REPLY = "Scripted reply"
"""What every inferred reply begins with, so that the scripted judge knows it."""

_FLAWS = ("lack_of_empathy", "Premature Emotional Transition", "template_response")


def scripted_answer(request: Request) -> Outcome:
    """The answer to a request, decided by its key alone.

    One key in fifteen meets a failure, a refusal, a cut-off, empty or unreadable reply. The rest are good answers,
    a third of the verdicts fenced in Markdown. The judge finds an error in seven of eight scripted replies and in one
    of sixteen human ones.
    """
    number = int(request.key[:8], 16)
    match number % 100:
        case 0:
            return Failed(key=request.key, reason=FailureReason.REFUSED, detail="the filter said no")
        case 1:
            return Failed(key=request.key, reason=FailureReason.TIMEOUT, detail="no answer in 60 s")
        case 2:
            return _completion(request, "This one goes on and", finish_reason="length")
        case 3:
            return _completion(request, "", finish_reason="content_filter")
        case 4:
            return _completion(request, " … ")
        case 5 | 6:
            return _completion(request, "Supporter: hard to say { what this is")
    return _completion(request, _good_answer(request, number))


def _good_answer(request: Request, number: int) -> str:
    strategy = list(Strategy)[number % 8]
    match request.ask.role:
        case Role.PLANNER:
            return strategy.value if number % 3 else f"**{strategy.value.upper()}**\n"
        case Role.RESPONDER:
            return f"{SCRIPTED_REPLY} {number}, for whoever asks."
        case Role.JOINT:
            return f"[{strategy}] {SCRIPTED_REPLY} {number}, for whoever asks."
        case Role.JUDGE:
            return _verdict(request, number)


def _verdict(request: Request, number: int) -> str:
    inferred = (request.ask.reply or "").startswith(SCRIPTED_REPLY)
    flawed = bool(number % 8) if inferred else not number % 16
    verdict = {"error": _FLAWS[number % 3] if flawed else "none", "rationale": f"Rule {number % 5}."}
    return json.dumps(verdict) if number % 3 else f"Here it is:\n```json\n{json.dumps(verdict, indent=1)}\n```"


def _completion(request: Request, text: str, *, finish_reason: str = "stop") -> Completion:
    return Completion(
        key=request.key,
        text=text,
        finish_reason=finish_reason,
        prompt_tokens=sum(len(message["content"]) for message in request.messages) // 4,
        completion_tokens=len(text) // 4,
        structured=request.reply_schema is not None,
    )


def scripted_plan(spec: BuildSpec | None = None) -> MiningPlan:
    """The plan in which `SCRIPTED` plays every role of `spec` (1.0.0 where none is given)."""
    return MiningPlan.of(spec or load_release("1.0.0").spec, dict.fromkeys(Role, (SCRIPTED,)))


def build_scripted(
    root: Path,
    sources: Sequence[str] = ("sample",),
    limit: int | None = None,
    answer: Find = scripted_answer,
    *,
    release: str = "1.0.0",
    spec: BuildSpec | None = None,
    packages: dict[str, str] | None = None,
) -> Release:
    """A whole release in the new folder `root`, made as a build makes it but with `answer` in the models' place.

    Args:
        root: a folder that does not exist yet.
        sources: what `--source` would name.
        limit: dialogues after which reading stops.
        answer: the script.
        release: the released spec that it is made by.
        spec: another spec than the released one.
        packages: the versions that the manifest states; those installed where it is None.
    """
    released = load_release(release)
    versions = package_versions() if packages is None else packages
    spec = spec or released.spec
    root.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        opened = [open_source(SourceRef(uri=uri)) for uri in sources]
        intake = take_in(opened, spec.splits, Path(folder, "spool.jsonl"), on_bad="skip", limit=limit)
        assembly = Assembly(scripted_plan(spec), *find_steps(spec.steps), answer, ReleaseWriter(root))
        assemble(intake, assembly)
        told = Provenance(
            spec=spec,
            spec_sha256=released.sha256,
            limit=limit,
            sources=intake.sources,
            models={role: (ModelRecord(ref=SCRIPTED, kind="scripted"),) for role in Role},
            licenses=intake.licenses,
            run=RunRecord(started="", wall_s=0, cost_usd=None, python="", packages=versions, git=None),
        )
        finish_release(root, assembly, splits_text(intake, spec.splits), told)
    return Release(root)


@lru_cache
def shared_release() -> Release:
    """The scripted release of the whole sample, built once a process; only to be read (see `copy_release`)."""
    folder = tempfile.mkdtemp(prefix="ipm-prefdial-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_scripted(Path(folder, "release"))


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
    assert table is not None, f"{file} is no shard"
    rows = read_rows(release, file)
    change(rows)
    write_rows(release.root / file, rows, arrow_schema(table[0]), **options)


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
    """Inverts one byte of a column's name in the schema at a shard's end, so that the name is no UTF-8."""
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
            record |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
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
