"""Writes a blind sheet of a release's pairs in every form, and the key to it apart from them."""

import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...cards.docs import member_docs
from ...schemas.base import Frozen
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.error_type import ErrorType
from ...schemas.errors import OutputExistsError, UsageError
from ..release.read import Release
from ..release.write import write_text
from . import forms
from .items import blind, item_of
from .key import FILE_NAME as KEY
from .key import Key
from .sample import Stratify, draw_pairs, rows_by_id

SHEETS = "sheets"
"""The folder that goes to annotators, as it is."""
INSTRUCTIONS = "INSTRUCTIONS.md"


class Exported(Frozen):
    """What an export holds."""

    items: int
    strata: int
    """Strata that the pairs are of."""
    dialogues: int
    """Dialogues that the pairs are of."""


def export_review(
    release: Release, out: Path, *, config: Config, size: int, by: Sequence[Stratify], seed: int
) -> Exported:
    """Writes the sheets into `out/sheets` and the key beside that folder.

    Args:
        release: the release to review.
        out: a folder that is not there yet, or is empty; outside the release.
        config: one of the preference configs.
        size: pairs to draw.
        by: what to stratify by; may be empty.
        seed: equal seeds give equal files.

    Raises:
        UsageError: the config has no pairs by kind, or `out` is no place for it.
        DataError: the config has no pairs in this release.
    """
    if config not in PAIR_CONFIGS:
        raise UsageError(f"{config} holds no pairs; choose one of {', '.join(PAIR_CONFIGS)}")
    _check_place(release.root, out)
    drawn = draw_pairs(release, config, size, by, seed)
    rows = rows_by_id(release, config, {pair.row_id for pair in drawn})
    key = Key(
        version=release.manifest.version,
        config=config,
        stratify=tuple(one.value for one in by),
        seed=seed,
        items=blind(drawn, seed),
    )
    (out / SHEETS).mkdir(parents=True)
    for name, text in _sheets(key, rows).items():
        write_text(out / SHEETS / name, text)
    write_text(out / KEY, json.dumps(key.model_dump(mode="json"), indent=1) + "\n")
    return Exported(
        items=len(drawn),
        strata=len({pair.stratum for pair in drawn}),
        dialogues=len({pair.dialogue_id for pair in drawn}),
    )


def _check_place(root: Path, out: Path) -> None:
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{out} is inside the release, where every file is published; choose another --out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out} is there already; choose another --out")


def _sheets(key: Key, rows: dict[str, dict[str, object]]) -> dict[str, str]:
    items = [item_of(name, key.config, rows[entry.row_id], entry) for name, entry in key.items.items()]
    instructions = instructions_text(key.config)
    return {
        INSTRUCTIONS: instructions,
        "review.csv": forms.csv_text(items),
        "review.jsonl": forms.jsonl_text(items),
        "label_studio.json": forms.label_studio_tasks(items),
        "label_studio_config.xml": forms.label_studio_config(),
        "argilla.json": forms.argilla_records(items),
        "argilla_settings.json": forms.argilla_settings(instructions),
    }


def instructions_text(config: Config) -> str:
    """What annotators are told, for the pairs of one config."""
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    docs = member_docs(ErrorType)
    errors = [(error.value, docs[error.name]) for error in ErrorType]
    return environment.get_template("instructions.md.jinja").render(about=config.value, errors=errors)
