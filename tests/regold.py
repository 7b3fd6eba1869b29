"""Writes the golden build of a release anew: `python tests/regold.py 1.0.0`.

A golden build shows that a released spec still gives the same bytes. So this is for a release that is being made: it
refuses one that is in the lock, unless `--writer-changed` says that only the Parquet writer is another, and then checks
that every row is what it was.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from ipm_prefdial.builders.specs.released import locked_specs

sys.path.insert(0, str(Path(__file__).parent))
from support.golden import GOLDEN, build_golden, rows_of


def main() -> None:
    """Writes `tests/golden/VERSION`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    parser.add_argument("--writer-changed", action="store_true")
    options = parser.parse_args()
    target = GOLDEN / options.version
    if options.version in locked_specs() and target.exists() and not options.writer_changed:
        sys.exit(f"{options.version} is released: its golden build is what it has to stay")
    with tempfile.TemporaryDirectory() as folder:
        made = build_golden(Path(folder) / options.version, options.version)
        if target.exists() and options.writer_changed and rows_of(made) != rows_of(target):
            sys.exit("not only the writer is another: rows differ")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
