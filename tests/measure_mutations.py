"""Plants faults in a scratch copy of the tree, one at a time, and counts those that the default tests find.

    python tests/measure_mutations.py [WORD …]      # all of them, or those whose file or text contains a word

Each fault of `mutations.txt` is one line of some package, found by its text and replaced. The tests of the mirrored
folder run until the first failure. A fault that they miss is a gap, or changes nothing that a user can see: either way
it is listed. All of them take about half an hour; this is never part of the default run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "prompts", "builders", "cards", "recipes")

LIST = Path(__file__).with_name("mutations.txt")
_PATIENCE_S = 120
"""Seconds after which a fault counts as not found: tests that take longer to see one are too far from it."""


def main(words: list[str]) -> int:
    """Plants every fault; 1 where more than one in twenty is not found."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "tree")
        _copy_tree(copy)
        survived, killed = list[str](), 0
        for place, old, new, own in read_mutations():
            if words and not any(word in f"{place} {old}" for word in words):
                continue
            began = time.monotonic()
            path = _only_place(copy, place, old)
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(old, new), encoding="utf-8")
            tests = ([own],) if own else _tests_of(copy, path)
            is_found = any(_run(copy, some) for some in tests if some)
            path.write_text(text, encoding="utf-8")
            killed += is_found
            survived += [] if is_found else [f"{path.relative_to(copy)}: {old}"]
            took = time.monotonic() - began
            print(
                f"{'killed  ' if is_found else 'SURVIVED'} {took:5.0f} s  {path.relative_to(copy)}: {new}", flush=True
            )
    print(f"\n{killed} of {killed + len(survived)} killed", *survived, sep="\n  ")
    return int(len(survived) * 20 > killed + len(survived))


def read_mutations() -> list[tuple[str, str, str, str]]:
    """Every fault of the list: the folder, the text, what it becomes, and its tests, empty for those of the folder."""
    text = "\n".join(line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    found = []
    for block in text.strip().split("\n\n"):
        folder, old, new, *own = block.strip().splitlines()
        found.append((folder, old.removeprefix("- "), new.removeprefix("+ "), "".join(own).removeprefix("= ")))
    return found


def _copy_tree(copy: Path) -> None:
    """The tracked files, and the folders again as the one package that they install as."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy / name)
    (copy / "package" / "ipm_prefdial").mkdir(parents=True)
    for one in FOLDERS:
        (copy / "package" / "ipm_prefdial" / one).symlink_to(copy / one)


def _only_place(copy: Path, folder: str, old: str) -> Path:
    found = [path for path in (copy / folder).rglob("*.py") if old in path.read_text(encoding="utf-8")]
    if len(found) != 1 or found[0].read_text(encoding="utf-8").count(old) != 1:
        raise SystemExit(f"{folder}: {old!r} stands {len(found)} times; describe the fault by a line that stands once")
    return found[0]


def _tests_of(copy: Path, path: Path) -> tuple[list[str], list[str]]:
    """The tests of the module itself and the golden builds, which mostly find a fault; then those of its folder."""
    folder = Path("tests") / path.relative_to(copy).parent
    while not (copy / folder).is_dir():
        folder = folder.parent
    own = sorted((copy / folder).glob(f"**/test_{path.stem.lstrip('_')}*.py"))
    golden = ["tests/test_golden.py"] if path.relative_to(copy).parts[0] in ("schemas", "prompts", "builders") else []
    return [*(str(one.relative_to(copy)) for one in own), *golden], [str(folder)]


def _run(copy: Path, tests: list[str]) -> bool:
    """Whether the tests fail; an editable installation must not shadow the copy, so its package comes first."""
    environ = {**os.environ, "PYTHONPATH": str(copy / "package"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(command, cwd=copy, env=environ, capture_output=True, timeout=_PATIENCE_S).returncode == 1
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
