"""The card's YAML, checked against the files before anything is sent: what the Hub and `datasets` will make of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ...schemas.documents import DocumentError, front_matter_of
from ...schemas.errors import DataError
from ..release.layout import CARD, config_and_split
from ..release.read import Release, read_text


@dataclass(frozen=True)
class FrontMatter:
    """What a reader's `load_dataset` goes by."""

    default_config: str
    patterns: tuple[str, ...]
    """Which files of the repo are rows: any that match, whoever put them there."""


def read_front_matter(release: Release) -> FrontMatter:
    """The YAML at the top of README.md.

    Raises:
        DataError: there is none, it is malformed, or says something else than the files do.
    """
    try:
        card = front_matter_of(read_text(release.root, CARD) or "")
    except DocumentError as error:
        raise DataError(f"{CARD}: its YAML cannot be read: {error}") from error
    if not isinstance(card, dict):
        raise DataError(f"{CARD}: it does not begin with YAML; write it again with `ipm-prefdial card {release.root}`")
    try:
        wrong = next(_wrong(card, release), None)
        if wrong is None:
            return _front_matter(card)
    except (KeyError, TypeError, AttributeError) as error:
        wrong = f"its form is not that of a dataset card ({error!r})"
    raise DataError(f"{CARD}: {wrong}; write it again with `ipm-prefdial card {release.root}`")


def _front_matter(card: Mapping[str, Any]) -> FrontMatter:
    configs = card["configs"]
    default = next(one["config_name"] for one in configs if one.get("default"))
    return FrontMatter(default, tuple(files["path"] for one in configs for files in one["data_files"]))


def _wrong(card: Mapping[str, Any], release: Release) -> Iterator[str]:
    stated = card["license_name"] if card["license"] == "other" else card["license"]
    if stated != release.manifest.license:
        yield f"license: it says {stated}, the manifest {release.manifest.license}"
    for key in ("language", "tags", "task_categories", "size_categories"):
        if not all(isinstance(value, str) for value in card[key]):
            yield f"{key}: not a list of strings"
    names = [one["config_name"] for one in card["configs"]]
    if len(set(names)) != len(names) or sum(bool(one.get("default")) for one in card["configs"]) != 1:
        yield "configs: names must be unique and one of them the default"
    due = _rows_by_table(release)
    if set(names) != {config for config, _ in due}:
        yield f"configs: it names {', '.join(sorted(names))}; there are {', '.join(sorted({one for one, _ in due}))}"
    for one in card["configs"]:
        yield from _wrong_files(one, release, due)
    if {one["config_name"] for one in card["dataset_info"]} != set(names):
        yield "dataset_info: it does not tell of the same configs"
    told = {(one["config_name"], split["name"]) for one in card["dataset_info"] for split in one["splits"]}
    for config, split in due:
        if due[config, split] and (config, split) not in told:
            yield f"dataset_info: {config}: it does not tell of {split}"
    for one in card["dataset_info"]:
        for split in one["splits"]:
            rows = due.get((one["config_name"], split["name"]))
            if rows != split["num_examples"]:
                yield f"dataset_info: {one['config_name']}: {split['name']}: {split['num_examples']} rows, not {rows}"


def _wrong_files(config: Mapping[str, Any], release: Release, due: Mapping[tuple[str, str], int]) -> Iterator[str]:
    name = config["config_name"]
    patterns = {files["split"]: files["path"] for files in config["data_files"]}
    for path in release.manifest.files:
        table = config_and_split(path)
        matching = {split for split, pattern in patterns.items() if fnmatchcase(path, pattern)}
        if table is None or table[0].value != name:
            if matching:
                yield f"configs: {name} would read {path}"
        elif matching != {table[1].value} and due[name, table[1].value]:
            yield f"configs: {name} does not read {path} as {table[1].value}"


def _rows_by_table(release: Release) -> dict[tuple[str, str], int]:
    """Rows by config and split."""
    rows: dict[tuple[str, str], int] = {}
    for path, record in release.manifest.files.items():
        if table := config_and_split(path):
            key = (table[0].value, table[1].value)
            rows[key] = rows.get(key, 0) + (record.rows or 0)
    return rows
