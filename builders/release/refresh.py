"""Puts files into a finished release, and renews what shows them, so that a kill at any moment leaves a whole release.

The new files are made in a folder beside the release, `NAME.renewing.part`, where the tables are hard links. When all
of them are there, it becomes `NAME.renewing`, and each file is moved into the release, the manifest last. What a kill
leaves of the first is thrown away by the next run, and what it leaves of the second is moved to its end.
"""

import filecmp
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...cards.croissant import croissant_json
from ...cards.licences import license_text, notice_text
from ...cards.pictures import PICTURES, draw_pictures
from ...cards.render import render_card
from ...schemas.config import Config
from ...schemas.errors import DataError
from ...schemas.files import FileSet
from ...schemas.manifest import Manifest
from ...schemas.rows import rows_of
from .card_context import audit_of_tables, card_context_of, changelog_text
from .layout import CARD, CHANGELOG, CROISSANT, LICENSE, MAINTAINERS, MANIFEST, NOTICE, arrow_schema, config_and_split
from .read import Release, read_manifest
from .write import check_writable, file_record, record_of, write_text

# Writes what shows the other files of a release: card, changelog, Croissant, licence, pictures.


def write_views(root: Path, manifest: Manifest, together: FileSet | None = None, *, draw: bool = True) -> Manifest:
    """Writes what is a view of the other files (card, pictures, licence …), and the manifest that knows them all.

    Args:
        root: the release's folder, with all its other files.
        manifest: of these.
        together: writes them with other files, and puts all back where one cannot be written; None for these alone.
        draw: whether the pictures are drawn anew; where not, those that are there stay.

    Raises:
        DataError: a file that is shown is malformed or damaged, or a table that is needed is not listed.
    """
    if together is None:
        with FileSet(root) as alone:
            return write_views(root, manifest, alone, draw=draw)
    _check_tables(manifest)
    audit, features = audit_of_tables(root, manifest), card_features(manifest.spec.layout)
    pictures = draw_pictures(audit) if draw and audit else {}
    beside = card_context_of(root, manifest)
    if draw:
        _write_pictures(together, pictures)
        beside = replace(beside, pictures=tuple(pictures))
    texts = {
        CARD: render_card(manifest, features, beside),
        CHANGELOG: changelog_text(root, manifest),
        CROISSANT: croissant_json(manifest, features, beside),
        LICENSE: license_text(manifest, beside.origins),
        NOTICE: notice_text(manifest, beside.origins),
    }
    for file, text in texts.items():
        together.write(file, text)
    views = {file: record_of(text.encode()) for file, text in texts.items()}
    views |= {path: file_record(root / path) for path in beside.pictures}
    if beside.maintainers is not None:  # people write it by hand: here it becomes a file of the release
        views[MAINTAINERS] = file_record(root / MAINTAINERS)
    others = {name: record for name, record in manifest.files.items() if name not in (*PICTURES, MAINTAINERS)}
    manifest = manifest.model_copy(update={"files": dict(sorted({**others, **views}.items()))})
    together.write(MANIFEST, json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    return manifest


# Writes the card's pictures; those of before that are not among them go, and nothing else that lies there.
def _write_pictures(together: FileSet, pictures: Mapping[str, bytes]) -> None:
    for path in PICTURES:
        if path in pictures:
            together.write(path, pictures[path])
        else:
            together.remove(path)


def _check_tables(manifest: Manifest) -> None:
    """The manifest lists a table of every config: the card tells of each.

    Raises:
        DataError: it does not.
    """
    there = {table[0] for name in manifest.files if (table := config_and_split(name))}
    if missing := [config for config in rows_of(manifest.spec.layout) if config not in there]:
        raise DataError(f"{MANIFEST}: files: it lists no table of {', '.join(missing)}: build the release again")


def card_features(layout: int) -> dict[Config, Any]:
    """Per config of a layout, the columns as the card's `dataset_info` writes them, in `datasets`' own words."""
    from datasets import Features  # slow to import

    return {
        config: Features.from_arrow_schema(arrow_schema(config, layout))._to_yaml_list() for config in rows_of(layout)
    }


def refresh_views(root: Path, texts: Mapping[str, str], *, repo: str | None = None) -> Release:
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
    Release(root)  # refuses links and whatever else is not a plain file
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


# The release again, its tables as hard links where the disk has them: they are never written here.
def _mirror(root: Path, part: Path) -> None:
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
