"""What is installed is what stands in the tree: no module, template or table is left out of wheel and sdist."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "prompts", "builders", "cards", "recipes")


def _tree() -> set[str]:
    """Every file below the package's folders that git tracks."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split() if (ROOT / name).is_file()}


def test_wheel_and_sdist_hold_the_tree(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in (*_tree(), "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    code = (
        "from setuptools.build_meta import build_sdist, build_wheel;"
        f"build_wheel({str(tmp_path)!r}); build_sdist({str(tmp_path)!r})"
    )
    subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, check=True)

    wheel, sdist = next(tmp_path.glob("*.whl")), next(tmp_path.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix("ipm_prefdial/") for name in archive.namelist() if name.startswith("ipm_prefdial/")}
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert inside == _tree()
    assert _tree() - packed == set()
