"""A kill while a release's views are renewed leaves a release that the next run makes whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.publishing import publishable
from support.releases import copy_release

from ipm_prefdial.builders.release.differences import changed_files
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.refresh import recover, refresh_views
from ipm_prefdial.schemas.errors import DataError

WORDS = {"maintainers.md": "---\ntags: [more]\n---\n\nWords.\n"}


class Killed(BaseException):
    """In place of SIGKILL."""


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """An audited release, with pictures."""
    return copy_release(tmp_path / "release", publishable("1.0.0", 4))


def bytes_of(root: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_kill_at_any_step_is_recovered(release: Release, tmp_path: Path) -> None:
    before = bytes_of(release.root)
    renewed = copy_release(tmp_path / "renewed", release)
    after = bytes_of(refresh_views(renewed.root, WORDS, repo="acme/prefs").root)
    assert after["README.md"] != before["README.md"]
    for step in range(1, 40):
        shutil.rmtree(release.root)
        copy_release(release.root, publishable("1.0.0", 4))
        if not killed_at(step, release.root):
            break
        recover(release.root)
        assert bytes_of(release.root) in (before, after), step
        assert list(changed_files(Release(release.root))) == []
        assert sorted(path.name for path in tmp_path.iterdir() if "renewing" in path.name) == []
    assert 3 < step < 39


def killed_at(step: int, root: Path) -> bool:
    """Whether a renewal came to its `step`th rename, and was stopped just before it."""
    left = step

    def counting(real: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def move(self: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if not left:
                raise Killed
            return real(self, target)

        return move

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", counting(Path.rename))
        patch.setattr(Path, "replace", counting(Path.replace))
        try:
            refresh_views(root, WORDS, repo="acme/prefs")
        except Killed:
            return True
    return False


def test_what_is_wrong_changes_nothing_and_names_the_release(release: Release, tmp_path: Path) -> None:
    before = bytes_of(release.root)
    with pytest.raises(DataError) as refused:
        refresh_views(release.root, {"maintainers.md": "<b>bold</b>"})
    assert str(refused.value).startswith(f"{release.root / 'maintainers.md'}: line 1 of the text: HTML")
    assert bytes_of(release.root) == before
    assert [path.name for path in tmp_path.iterdir() if "renewing" in path.name] == []


def test_what_was_only_begun_is_thrown_away(release: Release) -> None:
    before = bytes_of(release.root)
    part = release.root.with_name("release.renewing.part")
    part.mkdir()
    (part / "README.md").write_text("half")
    recover(release.root)
    assert not part.exists()
    assert bytes_of(release.root) == before
