"""Runs every benchmark in this folder, one after the other: `make bench`."""

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Each in a process of its own, so that none inherits another's memory."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"\n== {path.stem}", flush=True)
        subprocess.run([sys.executable, str(path)], check=True)


if __name__ == "__main__":
    main()
