"""Puts files into a finished release, and renews what shows them, so that a kill at any moment leaves a whole release.

The new files are made in a folder beside the release, `NAME.renewing.part`, where the tables are hard links. When all
of them are there, it becomes `NAME.renewing`, and each file is moved into the release, the manifest last. What a kill
leaves of the first is thrown away by the next run, and what it leaves of the second is moved to its end.
"""

import filecmp
import shutil
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ..cards.pictures import PICTURES
from ..schemas.errors import DataError
from .finish import write_views
from .release.layout import MANIFEST, config_and_split
from .release.read import Release, read_manifest
from .release.write import check_writable, write_text


def renew(root: Path, texts: Mapping[str, str], *, repo: str | None = None) -> Release:
    """Writes the files, every view of them, and last the manifest: a file that it lists is one that the views show.

    Where one cannot be written, the release is left as it was.

    Args:
        root: the release's folder.
        texts: what files hold from now on, by their names.
        repo: `ORG/NAME` where the release is to be; None leaves what the manifest says.

    Raises:
        UsageError: it is a snapshot of the Hub's cache, which is never written to.
        DataError: a file that is shown is malformed or damaged, or the folder holds a link; nothing was changed.
    """
    check_writable(root)
    recover(root)
    Release(root)  # refuses links and whatever else is no plain file
    manifest, part = read_manifest(root / MANIFEST), _beside(root, ".renewing.part")
    try:
        _mirror(root, part)
        records = {name: write_text(part / name, text) for name, text in texts.items()}
        files = {**manifest.files, **records}
        write_views(part, manifest.model_copy(update={"files": files, "repo": repo or manifest.repo}))
        part.rename(_beside(root, ".renewing"))
    except DataError as error:
        raise type(error)(str(error).replace(str(part), str(root))) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    recover(root)
    return Release(root)


def recover(root: Path) -> None:
    """Brings a renewal that was stopped to its end, or takes back what it had only begun."""
    shutil.rmtree(_beside(root, ".renewing.part"), ignore_errors=True)
    staged = _beside(root, ".renewing")
    if (staged / MANIFEST).is_file():
        listed = read_manifest(staged / MANIFEST).files
        for name in PICTURES:
            if name not in listed:
                (root / name).unlink(missing_ok=True)
        names = [name for name in _files(staged) if config_and_split(name) is None]
        for name in sorted(names, key=lambda name: name == MANIFEST):
            _move(staged / name, root / name)
    shutil.rmtree(staged, ignore_errors=True)


def _move(new: Path, old: Path) -> None:
    old.parent.mkdir(exist_ok=True)
    if new.name == MANIFEST or old.is_symlink() or not old.is_file() or not filecmp.cmp(new, old, shallow=False):
        new.replace(old)


def _mirror(root: Path, part: Path) -> None:
    """The release again, its tables as hard links where the disk has them: they are never written here."""
    part.mkdir()
    for name in _files(root):
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        if config_and_split(name) is not None:
            with suppress(OSError):
                (part / name).hardlink_to((root / name).resolve())
                continue
        shutil.copyfile(root / name, part / name)


def _files(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]


def _beside(root: Path, ending: str) -> Path:
    return root.absolute().with_name(f"{root.absolute().name}{ending}")


def shows(release: Release, texts: Mapping[str, str]) -> bool:
    """Whether the manifest lists the files with just these texts, so that the views were renewed after them."""
    files = release.manifest.files
    return all(
        name in files and files[name].sha256 == sha256(text.encode()).hexdigest() for name, text in texts.items()
    )
