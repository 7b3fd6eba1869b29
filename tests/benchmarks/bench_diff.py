"""Speed and peak memory of `diff` on synthetic pairs, beside the same question asked in plain Python.

`python tests/benchmarks/bench_diff.py [ROWS_A_SIDE …]`; it prints what it measured and asserts nothing. Three new
releases are compared with the old one: in one every file differs (some rows went, changed and came), in one every row
has changed, and one has all of the old files and a tenth more.
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench_audit import measure

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.releases import Row, build_scripted, change_manifest  # found by the line above
from synthetic import TURNS, words

from ipm_prefdial.builders.release.layout import arrow_schema, config_and_split, shard_path
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.write import ROWS_PER_GROUP, ROWS_PER_SHARD, file_record
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split

SIZES = (100_000, 1_000_000)
_SCHEMA = arrow_schema(Config.RESPONSE, 1)
_VERDICT: Row = dict.fromkeys(("rationale", "model", "prompt", "request_key"), "x") | {"revision": None}


def write_release(root: Path, rows: int) -> None:
    """A release folder with so many rows of `response` and no other config."""
    build_scripted(root, limit=2)
    tables = (_table(first, min(ROWS_PER_SHARD, rows - first)) for first in range(0, rows, ROWS_PER_SHARD))
    _write_tables(root, dict(enumerate(tables)), -(-rows // ROWS_PER_SHARD))


def write_next(root: Path, old: Path, how: str) -> None:
    """The release after `old`: `mixed`, `every` or `grown`, as above."""
    build_scripted(root, limit=2)
    files = Release(old).files(Config.RESPONSE, Split.TRAIN)
    alter = {"mixed": _mixed, "every": _every, "grown": _same}[how]
    tables: dict[int, pa.Table | Path] = {number: alter(path) for number, path in enumerate(files)}
    if how == "grown":
        rows = sum(pq.read_metadata(path).num_rows for path in files)
        tables[len(files)] = _table(rows, max(1, rows // 10))
    _write_tables(root, tables, len(tables))


def _write_tables(root: Path, tables: dict[int, "pa.Table | Path"], shards: int) -> None:
    for name in list(Release(root).manifest.files):
        if config_and_split(name):
            (root / name).unlink()
    records = {}
    for number, table in tables.items():
        name = shard_path(Config.RESPONSE, Split.TRAIN, number, shards)
        if isinstance(table, Path):
            (root / name).write_bytes(table.read_bytes())
        else:
            pq.write_table(table, root / name, compression="zstd", row_group_size=ROWS_PER_GROUP)
        records[name] = file_record(root / name).model_dump(mode="json")
    change_manifest(root, lambda manifest: manifest.update(files=records, counts={}))


def _table(first: int, rows: int) -> pa.Table:
    """Pairs whose prompts are what comes before each supporter turn of a dialogue, as in a real release."""
    dice, found = random.Random(first), []
    for number in range(first, first + rows):
        at = 2 * (number % (TURNS // 2)) + 1
        if at == 1 or number == first:
            roles = [("user", "assistant")[place % 2] for place in range(TURNS)]
            talk = [{"role": role, "content": words(dice)} for role in roles]
        found.append(_pair(number, talk[:at], talk[at], f"{words(dice)} {number}", words(dice)))
    return pa.Table.from_pylist(found, schema=_SCHEMA)


def _pair(number: int, talk: list[Row], human: Row, inferred: str, verdict: str) -> Row:
    return {
        "row_id": f"{number * 0x9E3779B97F4A7C15:032x}"[-32:],
        "dialogue_id": f"{number // (TURNS // 2):032x}",
        "turn": len(talk),
        "source": "synthetic",
        "license": "cc0-1.0",
        "prompt": [{"role": "system", "content": "Answer with empathy."}, *talk],
        "chosen": [human],
        "rejected": [{"role": "assistant", "content": inferred}],
        "rejected_error": "lack_of_empathy",
        "chosen_verdict": _VERDICT | {"error": None, "raw": verdict},
        "rejected_verdict": _VERDICT | {"error": "lack_of_empathy", "raw": verdict},
        "strategy": "Question",
        "responder": {"model": "m", "revision": None, "draw": 0, "request_key": f"{number:064x}"},
    }


def _same(path: Path) -> Path:
    return path


def _every(path: Path) -> pa.Table:
    """Every row with another source."""
    table = pq.read_table(path)
    at = table.schema.get_field_index("source")
    return table.set_column(at, "source", pc.binary_join_element_wise(table.column("source"), "again", "-"))


def _mixed(path: Path) -> pa.Table:
    """One row in a hundred went, one is under a new id, and one has the reply of its neighbour."""
    table = pq.read_table(path)
    number = np.arange(table.num_rows)
    neighbours = table.column("rejected").take(pa.array(np.where(number % 100 == 1, number - 1, number)))
    new_ids = pc.replace_substring(table.column("row_id"), "0", "f")
    ids = pc.if_else(pa.array(number % 100 == 2), new_ids, table.column("row_id"))
    table = table.set_column(table.schema.get_field_index("rejected"), "rejected", neighbours)
    table = table.set_column(table.schema.get_field_index("row_id"), "row_id", ids)
    return table.filter(pa.array(number % 100 != 3))


def plain_diff(old: Path, new: Path) -> None:
    """Both releases as dictionaries of plain rows, as one would ask it in a notebook."""
    before, after = ({row["row_id"]: row for row in Release(folder).rows(Config.RESPONSE)} for folder in (old, new))
    changed = sum(before[row_id] != after[row_id] for row_id in before.keys() & after.keys())
    print(json.dumps({"gone": len(before.keys() - after.keys()), "changed": changed}))


def main() -> None:
    """Compares at every size; asks in plain Python at the smallest."""
    verbs: dict[str, Callable[..., None]] = {"--make": write_release, "--next": write_next, "--plain": plain_diff}
    if sys.argv[1:2] and sys.argv[1] in verbs:
        words_ = [int(word) if word.isdigit() else word if word.isalpha() else Path(word) for word in sys.argv[2:]]
        return verbs[sys.argv[1]](*words_)
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print(f"{'what':<34}{'a side':>9}{'wall s':>9}{'rows/s':>9}{'peak MB':>9}")
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            old = Path(folder, "old")
            measure(__file__, "--make", old, str(rows))
            for how in ("mixed", "every", "grown"):
                new = Path(folder, how)
                measure(__file__, "--next", new, old, how)
                command = ("-m", "ipm_prefdial.builders.cli.main", "diff", old, new, "--json")
                _line(f"diff, {how}", rows, *measure(*command))
            if rows == min(sizes):
                _line("dictionaries in plain Python", rows, *measure(__file__, "--plain", old, Path(folder, "mixed")))
    return None


def _line(what: str, rows: int, wall_s: float, peak_mb: float) -> None:
    print(f"{what:<34}{rows:>9}{wall_s:>9.1f}{2 * rows / wall_s:>9.0f}{peak_mb:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
