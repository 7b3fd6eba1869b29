"""What the card tells in tables: configs, models, drops and sources, every number from the manifest."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from ..schemas.config import DEFAULT_CONFIG, PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.drops import DropReason
from ..schemas.escape import Markdown, escape_code, escape_markdown
from ..schemas.inference import Task
from ..schemas.manifest import Manifest, SourceRecord
from ..schemas.rows import rows_of
from ..schemas.safety import CrisisCounts
from ._words import UNDEFINED, in_words

# The docstrings under members and fields, read from the classes' source, so that a card says what the code says.


def member_docs(enumeration: type[Enum]) -> dict[str, str]:
    """The docstring under each member, by the member's name; members without one are left out."""
    return _docs_in(enumeration.__module__)[enumeration.__name__]


def field_docs(model: type[object]) -> dict[str, str]:
    """The docstring under each field of a model, those that it inherits among them; fields without one are left out."""
    ours = [one for one in reversed(model.__mro__) if one.__module__.startswith(_OURS)]
    return {name: doc for one in ours for name, doc in _docs_in(one.__module__)[one.__name__].items()}


_OURS = __name__.partition(".")[0] + "."


# What stands under the names that the classes of a module assign, by class and name.
@lru_cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_docs_under(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_under(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for named, doc in pairwise(owner.body):
        if isinstance(named, ast.Assign | ast.AnnAssign) and isinstance(doc, ast.Expr):
            name = named.targets[0] if isinstance(named, ast.Assign) else named.target
            if isinstance(doc.value, ast.Constant):
                yield ast.unparse(name), " ".join(str(doc.value.value).split())


# The columns of a config as people read them: name, type and meaning, from the schemas' own docstrings.


Feature = Mapping[str, Any]
"""A column as the card's `dataset_info` writes it: `name` with `dtype`, `struct` or `list`."""


@dataclass(frozen=True)
class Column:
    """A column, or a field of a struct inside one."""

    name: str
    type: str
    """`string`, `int64`, `float64` or `bool`; of a struct `struct`."""
    is_list: bool
    """Whether it holds several of these."""
    may_be_null: bool
    about: str
    """What it means; empty where its name and values say it all."""
    values: tuple[str, ...]
    """The only values that it has, where they are named."""
    fields: tuple["Column", ...]

    @property
    def type_text(self) -> str:
        return f"{'list of ' if self.is_list else ''}{self.type}{' or null' if self.may_be_null else ''}"


def columns_of(row: type[object], features: Sequence[Feature]) -> tuple[Column, ...]:
    """The columns of a row schema, or the fields of a struct, in the order of `features`."""
    hints, docs = get_type_hints(row), field_docs(row)
    return tuple(_column(one, hints[one["name"]], docs.get(one["name"], "")) for one in features)


def column_lines(columns: Sequence[Column], within: str = "") -> Iterator[dict[str, str]]:
    """A line for each column, and for each field of a struct after it, under the way that leads there."""
    for column in columns:
        name = f"{within}{column.name}"
        values = ", ".join(f"`{value}`" for value in column.values)
        about = " ".join(part for part in (column.about, f"One of {values}." if values else "") if part)
        yield {"name": name, "type": column.type_text, "about": about.replace("|", "\\|")}
        yield from column_lines(column.fields, f"{name}{'[]' if column.is_list else ''}.")


def _column(feature: Feature, hint: Any, about: str) -> Column:
    inner = feature.get("list", feature.get("struct"))
    fields = columns_of(_struct_within(hint), inner) if isinstance(inner, list) else ()
    return Column(
        name=feature["name"],
        type="struct" if fields else str(inner or feature["dtype"]),
        is_list="list" in feature,
        may_be_null=type(None) in get_args(hint),
        about=about,
        values=() if fields else _values_within(hint),
        fields=fields,
    )


# The model or TypedDict that an annotation holds, however deep.
def _struct_within(hint: Any) -> type[object]:
    return next(one for one in _parts(hint) if isinstance(one, type) and _is_struct(one))


def _is_struct(one: type[object]) -> bool:
    return issubclass(one, BaseModel) or (issubclass(one, dict) and hasattr(one, "__total__"))


# The values that an enumeration or a literal in an annotation names.
def _values_within(hint: Any) -> tuple[str, ...]:
    for one in _parts(hint):
        if get_origin(one) is Literal:
            return tuple(map(str, get_args(one)))
        if isinstance(one, type) and issubclass(one, Enum):
            return tuple(str(member.value) for member in one)
    return ()


# An annotation and everything that it is made of.
def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    if get_origin(hint) is not Literal:
        for one in get_args(hint):
            yield from _parts(one)


def tables_of(manifest: Manifest, config: Config) -> dict[str, list[str]]:
    """The shards of a config by split, in the order of splits."""
    paths = sorted(path for path in manifest.files if path.startswith(f"data/{config}/"))
    by_split = {split.value: [path for path in paths if Path(path).name.startswith(f"{split}-")] for split in Split}
    return {split: shards for split, shards in by_split.items() if shards}


def filled(manifest: Manifest, config: Config) -> dict[str, list[str]]:
    """The same without splits that have no rows: `datasets` refuses a whole config for the sake of one such."""
    tables = tables_of(manifest, config)
    found = {split: paths for split, paths in tables.items() if any(manifest.files[path].rows for path in paths)}
    return found or dict([next(iter(tables.items()))])


def rows_by_split(manifest: Manifest, config: Config) -> dict[str, int]:
    """Rows of a config in each split that it has."""
    tables = tables_of(manifest, config)
    return {split: sum(manifest.files[path].rows or 0 for path in paths) for split, paths in tables.items()}


def config_lines(manifest: Manifest, features: Mapping[Config, Any]) -> list[dict[str, Any]]:
    """Per config what it is, how many rows it has, and its columns."""
    return [_config_line(manifest, config, features[config]) for config in rows_of(manifest.spec.layout)]


def _config_line(manifest: Manifest, config: Config, features: Any) -> dict[str, Any]:
    rows, counts = rows_by_split(manifest, config), manifest.counts.get(config)
    row = rows_of(manifest.spec.layout)[config]
    return {
        "name": config.value,
        "default": config is DEFAULT_CONFIG,
        "candidates": counts.candidates if counts else UNDEFINED,
        "dropped": sum(counts.dropped.values()) if counts else UNDEFINED,
        "rows": {split.value: rows.get(split.value, UNDEFINED) for split in Split},
        "first_split": next(iter(filled(manifest, config))),
        "about": cleandoc(row.__doc__ or "").splitlines()[0],
        "columns": list(column_lines(columns_of(row, features))),
    }


def task_lines(manifest: Manifest) -> list[dict[str, Any]]:
    """How every task that the release has is asked, and of whom."""
    return [line for task in Task for line in _task_lines(manifest, task)]


# The line of a task that the release has; calls are counted by role, at the first task of each.
def _task_lines(manifest: Manifest, task: Task) -> Iterator[dict[str, Any]]:
    inference, usage = manifest.spec.inference(task), manifest.usage.get(task.role)
    if inference is None or usage is None:
        return
    counted = task.value == task.role.value
    yield {
        "role": in_words(task.value),
        "models": Markdown(", ".join(escape_code(str(record.ref)) for record in manifest.models[task.role])),
        "prompt": inference.prompt,
        "draws": inference.draws,
        "temperature": inference.sampling.temperature,
        "top_p": inference.sampling.top_p,
        "calls": usage.calls if counted else UNDEFINED,
        "failed": usage.failed if counted else UNDEFINED,
    }


def token_lines(manifest: Manifest) -> list[str]:
    """The token limits of roles for which the build said otherwise than the spec."""
    found = []
    for role, limits in manifest.tokens.items():
        answer = "the spec's number" if limits.answer is None else str(limits.answer)
        found.append(f"{role}: {answer} for an answer, and {limits.thinking} on top for thinking")
    return found


def drop_lines(manifest: Manifest, crises: CrisisCounts | None = None) -> list[dict[str, Any]]:
    """Every reason for which something was dropped, with how often; dialogues that no judge could read stand apart."""
    docs = member_docs(DropReason)
    counts = {config: manifest.counts[config].dropped for config in PAIR_CONFIGS}
    if crises is not None:
        counts = {config: crises.split_unread(config, dropped) for config, dropped in counts.items()}
    by_reason = {
        reason: {config.value: dropped.get(reason, 0) for config, dropped in counts.items()} for reason in DropReason
    }
    return [
        {"reason": reason.value, "by_config": numbers, "about": docs[reason.name]}
        for reason, numbers in by_reason.items()
        if any(numbers.values())
    ]


def source_lines(manifest: Manifest) -> list[dict[str, Any]]:
    """What was read, as it was found."""
    return [
        {
            "name": Markdown(
                escape_markdown(source.name) + (f" at {escape_code(source.revision[:12])}" if source.revision else "")
            ),
            "dialogues": source.dialogues,
            "turns": source.turns,
            "skipped": _skipped(source),
            "license": source.license,
            "sha256": source.sha256[:16],
        }
        for source in manifest.sources
    ]


def _skipped(source: SourceRecord) -> str:
    return ", ".join(f"{number} {in_words(reason)}" for reason, number in source.skipped.items()) or "none"


def facts(manifest: Manifest) -> list[str]:
    """What the manifest holds on each model, a line each."""
    return [
        f"{role} {escape_code(str(record.ref))}, {escape_markdown(name)}: {_format(value)}"
        for role, records in manifest.models.items()
        for record in records
        for name, value in record.facts.items()
    ]


# A measured value in words: fractions to three places, named parts one after the other.
def _format(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return "; ".join(f"{escape_markdown(in_words(name))} {_format(part)}" for name, part in value.items())
    return escape_markdown(str(value))


# Which tables of a release can be loaded, so that every line of code that is printed for it works.
#
# `datasets` refuses a split without rows, and a whole config for the sake of one; so the card's `configs` leave empty
# splits out (see `tables.filled`), and a config without any rows cannot be loaded at all.


def loadable(manifest: Manifest) -> dict[Config, tuple[Split, ...]]:
    """The configs that have rows, the default first, with the splits that have some."""
    found = {}
    for config in sorted(rows_of(manifest.spec.layout), key=lambda config: config is not DEFAULT_CONFIG):
        splits = tuple(Split(name) for name, rows in rows_by_split(manifest, config).items() if rows)
        if splits:
            found[config] = splits
    return found


def load_line(place: str, manifest: Manifest, *, revision: str | None = None) -> str | None:
    """`load_dataset(…)` of the default config, or else of the first that has rows; None where none has any.

    Args:
        place: the repo, or a folder.
        manifest: the release's.
        revision: its tag, where the place is a repo.
    """
    config = next(iter(loadable(manifest)), None)
    if config is None:
        return None
    tag = f', revision="{revision}"' if revision else ""
    return f'load_dataset("{place}", "{config.value}"{tag})'
