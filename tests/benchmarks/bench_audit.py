"""Speed and peak memory of `audit` on synthetic pairs, beside the same validity checks in plain Python.

`python tests/benchmarks/bench_audit.py [PAIRS …]`; it prints what it measured and asserts nothing.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.releases import Row, build_scripted  # found by the line above
from synthetic import words

from ipm_prefdial.builders.release.layout import arrow_schema, config_and_split, shard_path
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.strategy import Strategy

SIZES = (100_000, 1_000_000)
_PAIRS_A_DIALOGUE = 10
_PER_SHARD = 100_000
_STRATEGIES = [strategy.value for strategy in Strategy]


def write_release(root: Path, pairs: int) -> None:
    """A release folder with so many pairs of `response`, their demonstrations and their dialogues."""
    release = build_scripted(root, limit=2)
    for name in release.manifest.files:
        if config_and_split(name):
            (root / name).unlink()
    files = {}
    shards = -(-pairs // _PER_SHARD)
    for shard in range(shards):
        dice = random.Random(shard)
        rows = [_pair(dice, shard * _PER_SHARD + at) for at in range(min(_PER_SHARD, pairs - shard * _PER_SHARD))]
        dialogues = [_dialogue(rows[at]) for at in range(0, len(rows), _PAIRS_A_DIALOGUE)]
        tables = {
            Config.RESPONSE: rows,
            Config.RESPONSE_SFT: [row | {"completion": row["chosen"]} for row in rows],
            Config.DIALOGUES: dialogues,
        }
        for config, found in tables.items():
            name = shard_path(config, Split.TRAIN, shard, shards)
            table = pa.Table.from_pylist(found, schema=arrow_schema(config, 1))
            pq.write_table(table, root / name, compression="zstd", row_group_size=1_000)
            files[name] = {"sha256": "0" * 64, "bytes": 0, "rows": len(found), "rows_sha256": None}
    manifest = json.loads((root / "manifest.json").read_bytes())
    manifest |= {"files": files, "counts": {}}
    (root / "manifest.json").write_text(json.dumps(manifest))


def _pair(dice: random.Random, number: int) -> Row:
    dialogue = number // _PAIRS_A_DIALOGUE
    talk = [{"role": "user" if at % 2 == 0 else "assistant", "content": words(dice)} for at in range(9)]
    human, inferred = ([{"role": "assistant", "content": f"{words(dice)} {number}"}] for _ in range(2))
    verdict: Row = dict.fromkeys(("rationale", "raw", "model", "prompt", "request_key"), "x")
    return {
        "row_id": f"{number:032x}",
        "dialogue_id": f"{dialogue:016x}",
        "turn": number % _PAIRS_A_DIALOGUE,
        "source": "synthetic",
        "license": "cc0-1.0",
        "prompt": [{"role": "system", "content": "Answer with empathy."}, *talk],
        "chosen": human,
        "rejected": inferred,
        "strategy": dice.choice(_STRATEGIES),
        "rejected_error": "lack_of_empathy",
        "chosen_verdict": verdict | {"error": None, "revision": None},
        "rejected_verdict": verdict | {"error": "lack_of_empathy", "revision": None},
    }


def _dialogue(pair: Row) -> Row:
    turns = [{"speaker": "seeker", "text": one["content"], "cues": []} for one in pair["prompt"]]
    return {**{name: pair[name] for name in ("row_id", "dialogue_id", "source", "license")}, "turns": turns}


def measure(*command: str | Path) -> tuple[float, float]:
    """Seconds and peak MB of a command."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) > 1:
        sys.exit(f"{command[1]} ended with status {status}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def plain_checks(folder: Path) -> None:
    """The validity checks row by row in Python, as a `datasets.map` of somebody who has no audit."""
    from datasets import load_dataset

    rows = load_dataset("parquet", data_files=str(folder / "data/response/*.parquet"), split="train")
    seen: set[int] = set()

    def check(row: dict[str, Any]) -> dict[str, bool]:
        chosen, rejected = (" ".join(message["content"] for message in row[side]) for side in ("chosen", "rejected"))
        key = hash((tuple(message["content"] for message in row["prompt"]), chosen, rejected))
        again = key in seen
        seen.add(key)
        one, other = ("".join(letter for letter in text.lower() if letter.isalnum()) for text in (chosen, rejected))
        return {
            "equal": chosen == rejected,
            "same_words": one == other,
            "empty": not chosen.strip() or not rejected.strip(),
            "prompt_roles": not row["prompt"] or row["prompt"][-1]["role"] != "user",
            "side_roles": any([m["role"] for m in row[side]] != ["assistant"] for side in ("chosen", "rejected")),
            "duplicate": again,
        }

    found = rows.map(check, load_from_cache_file=False)
    print({name: sum(found[name]) for name in ("equal", "same_words", "empty", "duplicate")})


def main() -> None:
    """Audits every size; maps the smallest."""
    if sys.argv[1:2] == ["--plain"]:
        return plain_checks(Path(sys.argv[2]))
    if sys.argv[1:2] == ["--make"]:
        return write_release(Path(sys.argv[2]), int(sys.argv[3]))
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print(f"{'what':<34}{'pairs':>9}{'wall s':>9}{'pairs/s':>9}{'peak MB':>9}")
    for pairs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            # In a process of its own: a child's peak begins with what its parent held when it was started.
            release = Path(folder, "release")
            measure(__file__, "--make", release, str(pairs))
            command = ("-m", "ipm_prefdial.builders.cli.main", "audit", release, "--no-write", "--json")
            _line("audit, every measure", pairs, *measure(*command))
            if pairs == min(sizes):
                _line("datasets.map, validity in Python", pairs, *measure(__file__, "--plain", release))
    return None


def _line(what: str, pairs: int, wall_s: float, peak_mb: float) -> None:
    print(f"{what:<34}{pairs:>9}{wall_s:>9.1f}{pairs / wall_s:>9.0f}{peak_mb:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
