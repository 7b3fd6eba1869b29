"""Assigns the files of a dataset folder to splits: by its card, or by the Hub's naming conventions.

The choice is made among names that were listed beforehand, all of them plain files of the folder and part of the
digest that pins it. A card can only choose among them: it cannot name another path, a link or a URL. The conventions
are those of `datasets` (https://huggingface.co/docs/datasets/repository_structure); where a folder names no split at
all, its rows have none, and are shared out as those of a single file are.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from ...schemas.files import fault_of_name

KINDS = {
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
}
"""The kinds of data files that are read, by the ends of their names."""

_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".tar", ".arrow", ".7z")
# JSON about a dataset, never rows of it.
_ABOUT = {"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "croissant.json"}
# `.txt` and `.md` files that describe a repo instead of being its data.
_NOT_TEXT = re.compile(r"readme|licen[cs]e|notice|citation|requirements|changelog", re.IGNORECASE)
_SHARDED = re.compile(r"data/([\w.-]+?)-[0-9]{5}-of-[0-9]{5}[^/]*\.[^/]*")
_KEYWORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_WORD = {
    split: re.compile(rf"(?:^|[-._ 0-9])(?:{'|'.join(words)})(?:[-._ 0-9]|$)") for split, words in _KEYWORDS.items()
}
_ORDER = tuple(_KEYWORDS)
# The config of a release of ours that a source is read from.
_OURS = "dialogues"
# A card comes from outside: patterns are matched against every file, so their number and length are bounded.
_MOST_PATTERNS = 1_000
_LONGEST_PATTERN = 500


class CardError(ValueError):
    """A card names data files in a way that is not followed."""


@dataclass(frozen=True)
class DataFile:
    """A file with rows."""

    name: str
    """Below the folder."""
    split: str | None
    """The split that the card or the name gives it; None if neither does."""


def data_files(names: Sequence[str], card: Any) -> list[DataFile]:
    """The files with rows, in order of split and name.

    Args:
        names: every file of the folder.
        card: the YAML of its card; None where there is none.

    Raises:
        CardError: the card's `configs` cannot be followed, or no file can be read.
    """
    configs = card.get("configs") if isinstance(card, Mapping) else None
    if configs is not None and (stated := _by_card(names, _config_of(configs))) is not None:
        return stated
    released = [name for name in names if name.startswith(f"data/{_OURS}/")]
    return _by_convention(released if released and "manifest.json" in names else names)


# The config that is read: `dialogues` as in a release of ours, the only one, or the default one.
def _config_of(configs: Any) -> Mapping[str, Any]:
    if not isinstance(configs, list) or not configs or not all(isinstance(one, Mapping) for one in configs):
        raise CardError("`configs` is not a list of mappings")
    by_name = {str(one.get("config_name", "default")): one for one in configs}
    if _OURS in by_name or len(configs) == 1:
        return dict(by_name[_OURS] if _OURS in by_name else configs[0])
    default = [one for one in configs if one.get("default") is True]
    default += [by_name["default"]] if "default" in by_name else []
    if not default:
        raise CardError(f"`configs` has {', '.join(sorted(by_name))[:200]}, and none of them is the default")
    return dict(default[0])


# What a config's `data_files` choose; None where it names none but may name a folder.
def _by_card(names: Sequence[str], config: Mapping[str, Any]) -> list[DataFile] | None:
    below = config.get("data_dir")
    folder = "" if below is None else f"{_plain(below, 'data_dir').strip('/')}/"
    if config.get("data_files") is None:
        return None if below is None else _by_convention([name for name in names if name.startswith(folder)])
    found: list[DataFile] = []
    for split, pattern in _patterns(config["data_files"]):
        pattern = folder + _plain(pattern, "data_files")
        fitting = [name for name in names if matches(name, pattern)]
        if not fitting:
            raise CardError(f"`data_files`: no file of the folder fits {pattern!r}")
        unread = [name for name in fitting if _kind_of(name) is None]
        if unread:
            raise CardError(_cannot_read(unread[0]))
        taken = {one.name for one in found}
        found += [DataFile(name, split) for name in fitting if name not in taken]
    return found


# Split and pattern of each entry of `data_files`, whichever of its forms it has.
def _patterns(stated: Any) -> list[tuple[str | None, Any]]:
    found: list[tuple[str | None, Any]] = []
    if isinstance(stated, Mapping):
        stated = [{"split": split, "path": path} for split, path in stated.items()]
    for one in stated if isinstance(stated, list) else [stated]:
        split, path = (one.get("split"), one.get("path")) if isinstance(one, Mapping) else (None, one)
        found += [
            (None if split is None else str(split), pattern) for pattern in (path if isinstance(path, list) else [path])
        ]
    if not found or len(found) > _MOST_PATTERNS:
        raise CardError(f"`data_files` names {len(found)} patterns; from 1 to {_MOST_PATTERNS} are read")
    return found


# A pattern that stays inside the folder.
def _plain(pattern: Any, field: str) -> str:
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
        raise CardError(f"`{field}`: {str(pattern)[:60]!r} is not a path")
    name = pattern.removeprefix("./").rstrip("/") if field == "data_dir" else pattern.removeprefix("./")
    fault = "it is a URL" if "://" in name or "::" in name else fault_of_name(name)
    if fault is None and name.startswith(("~", "$")):
        fault = "it is expanded by a shell"
    if fault is not None:
        raise CardError(
            f"`{field}`: {pattern[:120]!r} is not a path inside the folder ({fault}): only the folder's own files are "
            "read; put the file there, and name it by its relative path"
        )
    return name


def matches(name: str, pattern: str) -> bool:
    """Whether a name fits a glob: `*`, `?` and `[...]` within a part, `**` for any number of parts."""
    parts, wanted = tuple(name.split("/")), tuple(pattern.split("/"))

    @cache
    def fits(at: int, want: int) -> bool:
        if want == len(wanted):
            return at == len(parts)
        if wanted[want] == "**":
            last = want + 1 == len(wanted)
            return (last and at < len(parts)) or fits(at, want + 1) or (at < len(parts) and fits(at + 1, want))
        return at < len(parts) and fnmatchcase(parts[at], wanted[want]) and fits(at + 1, want + 1)

    return fits(0, 0)


def _by_convention(names: Sequence[str]) -> list[DataFile]:
    readable = [name for name in names if _kind_of(name) is not None and not _is_about(name)]
    if not readable:
        packed = next((name for name in names if name.endswith(_PACKED)), None)
        raise CardError(_cannot_read(packed) if packed else f"it holds no {', '.join(KINDS)} file")
    for way in (_sharded_split, _folder_split, _name_split):
        if found := [DataFile(name, split) for name in readable if (split := way(name)) is not None]:
            break
    else:
        found = [DataFile(name, None) for name in readable]
    counts = Counter(KINDS[_kind_of(one.name) or ""] for one in found)
    kind = "parquet" if "parquet" in counts else max(counts, key=lambda one: (counts[one], one == "json"))
    found = [one for one in found if KINDS[_kind_of(one.name) or ""] == kind]
    return sorted(found, key=lambda one: (_place(one.split), one.split or "", one.name))


def _place(split: str | None) -> int:
    return _ORDER.index(split) if split in _ORDER else len(_ORDER)


def _kind_of(name: str) -> str | None:
    return next((end for end in KINDS if name.lower().endswith(end)), None)


def _is_about(name: str) -> bool:
    *folders, last = name.split("/")
    hidden = any(folder.startswith("_") for folder in folders)
    return hidden or last in _ABOUT or (last == "manifest.json") or bool(_NOT_TEXT.match(last))


def _sharded_split(name: str) -> str | None:
    found = _SHARDED.fullmatch(name)
    return found[1] if found else None


def _folder_split(name: str) -> str | None:
    return _split_in(part for part in name.split("/")[:-1])


def _name_split(name: str) -> str | None:
    return _split_in([name.rpartition("/")[2]])


def _split_in(parts: Any) -> str | None:
    found: Iterator[str] = (split for part in parts for split, word in _WORD.items() if word.search(part.lower()))
    return next(found, None)


def _cannot_read(name: str) -> str:
    return f"{name}: files of this kind are not read: unpack or convert it to one of {', '.join(KINDS)}"
