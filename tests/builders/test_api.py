"""The public Python API: what its docstring shows works as printed, and importing it brings nothing heavy."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from support.releases import copy_release, shared_release

import ipm_prefdial.builders as api
from ipm_prefdial.schemas.errors import UsageError


def test_the_example_of_the_docstring_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = dedent("\n".join(line for line in str(api.__doc__).splitlines() if line.startswith("    ")))
    exec(compile(example, "<docstring>", "exec"), {})
    assert (tmp_path / "my-release" / "manifest.json").is_file()


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(api, name).__doc__
    assert name in dir(api)


def test_all_names_have_a_home() -> None:
    assert sorted(api._HOME) == sorted(api.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = api.nothing


def test_verbs_are_functions_though_packages_have_related_names() -> None:
    """`builders.building` is a package and `builders.build` a function: neither hides the other."""
    import ipm_prefdial.builders.auditing.run
    import ipm_prefdial.builders.publishing.run  # noqa: F401

    assert all(callable(getattr(api, verb)) for verb in ("build", "audit", "publish", "diff", "validate", "verify"))


def test_a_release_is_audited_and_compared(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", shared_release("1.0.0", 8))
    audit = api.audit(release.root)
    assert audit.subject.name == "release" and audit.gates
    found = api.diff(release, api.read_release(release.root))
    assert found.configs and not any(
        one.gone or one.changed or one.added for config in found.configs for one in config.splits
    )
    with pytest.raises(UsageError):
        api.read_release(tmp_path / "nowhere")


def test_import_brings_nothing_heavy() -> None:
    code = "import sys, ipm_prefdial.builders; print(*{'numpy', 'pyarrow', 'sklearn', 'torch'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
