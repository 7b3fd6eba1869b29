"""Writes files into a finished release and refreshes its views: card, changelog, Croissant, licence files, pictures.

A kill at any moment leaves a whole release. The new files are written to a folder beside the release,
`NAME.renewing.part`, where the tables are hard links. When it is complete, it becomes `NAME.renewing`, and each file
moves into the release, the manifest last. The next run deletes an incomplete folder and finishes a complete one.
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
from .card_context import audit_of_tables, card_context_of
from .changelog import changelog_text
from .layout import CARD, CHANGELOG, CROISSANT, LICENSE, MAINTAINERS, MANIFEST, NOTICE, arrow_schema, config_and_split
from .read import Release, read_manifest
from .write import check_writable, file_record, record_of, write_text


def write_views(root: Path, manifest: Manifest, files: FileSet | None = None, *, draw: bool = True) -> Manifest:
    """Writes the views of a release (card, pictures, licence …) and a manifest with their records, which it returns.

    Args:
        root: the release's folder, with all its other files.
        manifest: the manifest of the other files.
        files: the file set to write with, which restores all files if one cannot be written; None makes a new one.
        draw: whether to draw the pictures again; if not, the existing ones stay.

    Raises:
        DataError: a file that the views show is malformed or damaged, or the manifest lists no table of some config.
    """
    # A set of its own, so that a view that cannot be written does not leave the views before it changed.
    if files is None:
        with FileSet(root) as alone:
            return write_views(root, manifest, alone, draw=draw)
    _check_tables(manifest)
    audit, features = audit_of_tables(root, manifest), card_features(manifest.spec.layout)
    pictures = draw_pictures(audit) if draw and audit else {}
    context = card_context_of(root, manifest)
    if draw:
        write_pictures(files, pictures)
        context = replace(context, pictures=tuple(pictures))
    texts = {
        CARD: render_card(manifest, features, context),
        CHANGELOG: changelog_text(root, manifest),
        CROISSANT: croissant_json(manifest, features, context),
        LICENSE: license_text(manifest, context.origins),
        NOTICE: notice_text(manifest, context.origins),
    }
    for name, text in texts.items():
        files.write(name, text)
    views = {name: record_of(text.encode()) for name, text in texts.items()}
    views |= {path: file_record(root / path) for path in context.pictures}
    if context.maintainers is not None:  # people write it by hand, so the manifest may not list it yet
        views[MAINTAINERS] = file_record(root / MAINTAINERS)
    # Pictures and the maintainers' file may be gone since, and are listed only where they are there now.
    others = {name: record for name, record in manifest.files.items() if name not in (*PICTURES, MAINTAINERS)}
    manifest = manifest.model_copy(update={"files": dict(sorted({**others, **views}.items()))})
    files.write(MANIFEST, json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    return manifest


def write_pictures(files: FileSet, pictures: Mapping[str, bytes]) -> None:
    """Writes the card's pictures and removes earlier ones that are not among them."""
    for path in PICTURES:
        if path in pictures:
            files.write(path, pictures[path])
        else:
            files.remove(path)


def _check_tables(manifest: Manifest) -> None:
    there = {table[0] for name in manifest.files if (table := config_and_split(name))}
    if missing := [config for config in rows_of(manifest.spec.layout) if config not in there]:
        raise DataError(f"{MANIFEST}: files: it lists no table of {', '.join(missing)}; build the release again")


def card_features(layout: int) -> dict[Config, Any]:
    """The columns of every config of a layout, in the form of the card's `dataset_info`."""
    from datasets import Features  # slow to import

    return {
        config: Features.from_arrow_schema(arrow_schema(config, layout))._to_yaml_list() for config in rows_of(layout)
    }


def refresh_views(root: Path, texts: Mapping[str, str], *, repo: str | None = None) -> Release:
    """Writes files into a finished release, then its views, and the manifest last.

    So the views always show the files that the manifest lists. If one cannot be written, the release stays as it was.

    Args:
        root: the release's folder.
        texts: the new contents of files, by their names.
        repo: the repo on the Hub, `ORG/NAME`; None keeps the manifest's.

    Raises:
        UsageError: the release is a snapshot in the Hub's cache.
        DataError: a file that the views show is malformed or damaged, or the folder holds a link; nothing was changed.
    """
    check_writable(root)
    recover(root)
    Release(root)  # refuses links and everything else that is not a plain file
    manifest, part = read_manifest(root / MANIFEST), _sibling(root, ".renewing.part")
    try:
        _mirror(root, part)
        records = {name: write_text(part / name, text) for name, text in texts.items()}
        files = {**manifest.files, **records}
        write_views(part, manifest.model_copy(update={"files": files, "repo": repo or manifest.repo}))
        part.rename(_sibling(root, ".renewing"))
    except DataError as error:
        raise type(error)(str(error).replace(str(part), str(root))) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    recover(root)
    return Release(root)


def recover(root: Path) -> None:
    """Finishes a refresh that was stopped while moving its files, or deletes one that was not complete."""
    shutil.rmtree(_sibling(root, ".renewing.part"), ignore_errors=True)
    staged = _sibling(root, ".renewing")
    if (staged / MANIFEST).is_file():
        listed = read_manifest(staged / MANIFEST).files
        for name in PICTURES:
            if name not in listed:
                (root / name).unlink(missing_ok=True)
        names = [name for name in _files(staged) if config_and_split(name) is None]
        # The manifest last: while it is in the staging folder, the next run knows that the move is not finished.
        for name in sorted(names, key=lambda name: name == MANIFEST):
            _move(staged / name, root / name)
    shutil.rmtree(staged, ignore_errors=True)


def _move(new: Path, old: Path) -> None:
    old.parent.mkdir(exist_ok=True)
    # A file that stays the same keeps its time stamp, so that nothing that watches the folder sees a change.
    if new.name == MANIFEST or old.is_symlink() or not old.is_file() or not filecmp.cmp(new, old, shallow=False):
        new.replace(old)


# Copies the release; tables, which are never written here, become hard links where the file system has them.
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


def _sibling(root: Path, ending: str) -> Path:
    return root.absolute().with_name(f"{root.absolute().name}{ending}")


def shows(release: Release, texts: Mapping[str, str]) -> bool:
    """Whether the manifest lists the files with these very texts, so that the views show them."""
    files = release.manifest.files
    return all(
        name in files and files[name].sha256 == sha256(text.encode()).hexdigest() for name, text in texts.items()
    )
