"""The card's tables on what a release holds and how it was made, with every number from the manifest."""

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

from ..schemas.config import DEFAULT_CONFIG, PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.drops import DropReason
from ..schemas.escape import Markdown, escape_code, escape_markdown
from ..schemas.inference import Task
from ..schemas.manifest import Manifest, SourceRecord
from ..schemas.rows import rows_of
from ..schemas.safety import CrisisCounts
from ._words import UNDEFINED, as_words
from .columns import column_lines, columns_of, member_docs


def tables_of(manifest: Manifest, config: Config) -> dict[str, list[str]]:
    """The shards of a config by split, in the order of splits."""
    paths = sorted(path for path in manifest.files if path.startswith(f"data/{config}/"))
    by_split = {split.value: [path for path in paths if Path(path).name.startswith(f"{split}-")] for split in Split}
    return {split: shards for split, shards in by_split.items() if shards}


def filled(manifest: Manifest, config: Config) -> dict[str, list[str]]:
    """The shards of a config without its empty splits: `datasets` refuses a config if any of its splits is empty.

    A config without any rows keeps its first split, since the card needs files for it.
    """
    tables = tables_of(manifest, config)
    found = {split: paths for split, paths in tables.items() if any(manifest.files[path].rows for path in paths)}
    return found or dict([next(iter(tables.items()))])


def rows_by_split(manifest: Manifest, config: Config) -> dict[str, int]:
    """The number of rows of a config, by split."""
    tables = tables_of(manifest, config)
    return {split: sum(manifest.files[path].rows or 0 for path in paths) for split, paths in tables.items()}


def config_lines(manifest: Manifest, features: Mapping[Config, Any]) -> list[dict[str, Any]]:
    """For each config its meaning, its counts and its columns."""
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
    """For each task of the release the models, the prompt, the sampling and the number of calls."""
    return [line for task in Task for line in _task_lines(manifest, task)]


# The line of a task, if the release has it. Calls are counted by role, so only a role's first task shows them.
def _task_lines(manifest: Manifest, task: Task) -> Iterator[dict[str, Any]]:
    inference, usage = manifest.spec.inference(task), manifest.usage.get(task.role)
    if inference is None or usage is None:
        return
    counted = task.value == task.role.value
    yield {
        "role": as_words(task.value),
        "models": Markdown(", ".join(escape_code(str(record.ref)) for record in manifest.models[task.role])),
        "prompt": inference.prompt,
        "draws": inference.draws,
        "temperature": inference.sampling.temperature,
        "top_p": inference.sampling.top_p,
        "calls": usage.calls if counted else UNDEFINED,
        "failed": usage.failed if counted else UNDEFINED,
    }


def token_lines(manifest: Manifest) -> list[str]:
    """The token limits of roles for which the build differed from the spec."""
    found = []
    for role, limits in manifest.tokens.items():
        answer = "the spec's number" if limits.answer is None else str(limits.answer)
        found.append(f"{role}: {answer} for an answer, and {limits.thinking} on top for thinking")
    return found


def drop_lines(manifest: Manifest, crises: CrisisCounts | None = None) -> list[dict[str, Any]]:
    """The drop reasons with their counts and meanings; with `crises`, candidates of unread dialogues are separate."""
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
    """The sources as they were read."""
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
    return ", ".join(f"{number} {as_words(reason)}" for reason, number in source.skipped.items()) or "none"


def facts(manifest: Manifest) -> list[str]:
    """The measured facts about each model."""
    return [
        f"{role} {escape_code(str(record.ref))}, {escape_markdown(name)}: {_format_fact(value)}"
        for role, records in manifest.models.items()
        for record in records
        for name, value in record.facts.items()
    ]


# A measured value in words: fractions to three decimals, parts of a mapping one after the other.
def _format_fact(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return "; ".join(f"{escape_markdown(as_words(name))} {_format_fact(part)}" for name, part in value.items())
    return escape_markdown(str(value))


def loadable(manifest: Manifest) -> dict[Config, tuple[Split, ...]]:
    """The configs and splits that have rows, the default config first: the others cannot be loaded."""
    found = {}
    for config in sorted(rows_of(manifest.spec.layout), key=lambda config: config is not DEFAULT_CONFIG):
        splits = tuple(Split(name) for name, rows in rows_by_split(manifest, config).items() if rows)
        if splits:
            found[config] = splits
    return found


def load_line(place: str, manifest: Manifest, *, revision: str | None = None) -> str | None:
    """The code `load_dataset(…)` for the default config, or for the first that has rows; None if none has any.

    Args:
        place: the repo, or a folder.
        manifest: the manifest of the release.
        revision: the tag, if the place is a repo.
    """
    config = next(iter(loadable(manifest)), None)
    if config is None:
        return None
    tag = f', revision="{revision}"' if revision else ""
    return f'load_dataset("{place}", "{config.value}"{tag})'
