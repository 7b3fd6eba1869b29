"""Speed and peak memory of finding near-duplicates among any number of sketches on disk.

`python tests/benchmarks/bench_sketches.py [SKETCHES …]`; it prints what it measured and asserts nothing. Of each
thousand ten repeat another, but for a few numbers.
"""

import os
import resource
import subprocess
import sys
import time

import numpy as np

from ipm_prefdial.builders.statistics.near_duplicates import PERMUTATIONS, Sketches

SIZES = (10_000, 100_000, 1_000_000)
_BLOCK = 1_000


def find(size: int) -> None:
    """Prints one line; in a process of its own, since peaks do not go down again."""
    held = Sketches()
    for block in range(0, size, _BLOCK):
        sketches = np.random.default_rng(block).integers(0, 2**32, (_BLOCK, PERMUTATIONS), dtype=np.uint32)
        sketches[::100, :110] = sketches[50, :110]
        for sketch in sketches:
            held.add(sketch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, cpu = time.perf_counter(), time.process_time()
    groups = held.groups(0.8)
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{size:>10}{len(np.unique(groups)):>10}{took:>9.1f}{cpu:>9.1f}{before:>9.0f}{peak:>9.0f}"
        f"{size * PERMUTATIONS * 4 / 2**20:>9.0f}",
        flush=True,
    )


def main() -> None:
    """At every size; `--find` is how it calls itself."""
    if sys.argv[1:2] == ["--find"]:
        return find(int(sys.argv[2]))
    print(
        f"{'sketches':>10}{'groups':>10}{'wall s':>9}{'CPU s':>9}{'MB first':>9}{'peak MB':>9}{'disk MB':>9}",
        flush=True,
    )
    for size in sys.argv[1:] or SIZES:
        subprocess.run([sys.executable, __file__, "--find", str(size)], check=True, env=os.environ)
    return None


if __name__ == "__main__":
    main()
