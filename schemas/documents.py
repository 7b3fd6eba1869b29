"""Reads JSON and YAML from outside: bounded, strict, and with one kind of error.

Both readers bound size and depth, and refuse a repeated key (the last one would win unnoticed), NaN, infinities, and
whole numbers that no table holds. Every error of their libraries becomes a `DocumentError` with the fault and its
place; the caller adds the file.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from .files import open_inside, open_plain

MOST_DEPTH = 100
"""Lists and objects within each other."""
MOST_JSON = 1 << 29
"""Bytes of a JSON file that is read whole: `splits.json` grows with the dialogues."""
MOST_YAML = 1 << 18
"""Bytes of a YAML document; its reader needs some seconds for as many."""
# Values of a YAML document with every alias written out.
_MOST_NODES = 100_000
# Digits of the largest 64-bit number.
_MOST_DIGITS = 19
_LARGEST = 2**63
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


class DocumentError(ValueError):
    """A document cannot be read.

    Args:
        what: what is wrong.
        line: where, from 1, where that is known.
        column: the same in that line.
    """

    def __init__(self, what: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(what if line is None else f"{what}: line {line} column {column}")
        self.what, self.line, self.column = what, line, column


def parse_json(data: str | bytes, *, any_numbers: bool = False) -> Any:
    """The value in a JSON document.

    Args:
        data: the document.
        any_numbers: whether NaN and infinities are read, as the curves of a training run may hold them.

    Raises:
        DocumentError: it is none, or breaks a bound.
    """
    try:
        value = json.loads(
            data,
            object_pairs_hook=_object,
            parse_constant=float if any_numbers else _refuse_constant,
            parse_int=_whole_number,
            parse_float=_fraction,
        )
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        raise DocumentError(error.msg, error.lineno, error.colno) from error
    except RecursionError:
        raise DocumentError("nested too deeply") from None
    except ValueError as error:  # bytes that are not UTF-8
        raise DocumentError(str(error)) from error
    _check_depth(value)
    return value


def read_json(path: Path, root: Path | None = None) -> Any:
    """The value in a JSON file.

    Args:
        path: the file.
        root: the folder that it must be inside of, with no link on the way; None where the user names the file.

    Raises:
        OSError: it cannot be read, or is not a plain file.
        DocumentError: it holds no JSON, or breaks a bound.
    """
    return parse_json(read_bytes(path, root, MOST_JSON))


def read_bytes(path: Path, root: Path | None = None, most: int = MOST_JSON) -> bytes:
    """The bytes of a plain file of at most so many.

    Raises:
        OSError: it cannot be read, or is not a plain file.
        DocumentError: it is larger.
    """
    with open_plain(path) if root is None else open_inside(root, path.relative_to(root).as_posix()) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DocumentError(f"larger than {most} bytes")
    return data


def parse_yaml(data: str | bytes, *, any_keys: bool = False) -> Any:
    """The value in a YAML document.

    Args:
        data: the document.
        any_keys: whether keys may be other than texts, as they are on some cards.

    Raises:
        DocumentError: it is none, or breaks a bound.
    """
    import yaml

    if len(data) > MOST_YAML:
        raise DocumentError(f"larger than {MOST_YAML} bytes")
    loader: Any = None
    try:
        # In this order: events have no depth, nodes have no aliases written out, and only values are constructed at the
        # end.
        _check_yaml_depth(data)
        loader = _yaml_loader()(data)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_node(node, any_keys=any_keys)
        return loader.construct_document(node)
    except DocumentError:
        raise
    except RecursionError:
        raise DocumentError("nested too deeply") from None
    except yaml.YAMLError as error:
        if "maximum nesting depth" in str(error):  # libyaml looks further ahead than the events that were counted
            raise DocumentError("nested too deeply") from None
        raise DocumentError(" ".join(str(error).split())) from error
    # What its constructors raise for a value of the right form and the wrong content, such as a month 99.
    except (ValueError, TypeError, OverflowError, AttributeError, LookupError) as error:
        raise DocumentError(f"a value cannot be read: {' '.join(str(error).split())}") from error
    finally:
        if loader is not None:
            loader.dispose()


# libyaml's loader, ten times as fast as PyYAML's own, where PyYAML was built with it.
def _yaml_loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


# Refuses deep nesting before the document becomes nodes: libyaml's composer recurses in C, without a limit.
def _check_yaml_depth(data: str | bytes) -> None:
    import yaml

    depth = 0
    for event in yaml.parse(data, Loader=_yaml_loader()):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise DocumentError("nested too deeply, or within itself")


def read_yaml(path: Path) -> Any:
    """The value in a YAML file that the user names.

    Raises:
        OSError: it cannot be read, or is not a plain file.
        DocumentError: it holds no YAML, or breaks a bound.
    """
    return parse_yaml(read_bytes(path, None, MOST_YAML))


def front_matter_of(card: str) -> Any:
    """The YAML between the lines `---` at the top of a card; None where a card has none.

    Raises:
        DocumentError: it cannot be read.
    """
    found = _FRONT_MATTER.match(card)
    return parse_yaml(found[1], any_keys=True) if found else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The usual case costs one comparison; only a repeated key is searched for.
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DocumentError(f"the key {twice[:60]!r} stands twice in one object")
    return value


def _refuse_constant(name: str) -> None:
    raise DocumentError(f"{name} is not a number of JSON")


def _whole_number(text: str) -> int:
    # Texts of thousands of digits take long to read, and no column holds them.
    if len(text) > _MOST_DIGITS + 1 or not -_LARGEST <= (number := int(text)) < _LARGEST:
        raise DocumentError(f"a whole number of more than 64 bits: {text[:24]}…")
    return number


def _fraction(text: str) -> float:
    # `1e999` is valid JSON and becomes infinity, which no table and no other JSON reader would take.
    number = float(text)
    if not math.isfinite(number):
        raise DocumentError(f"a number beyond all bounds: {text[:24]}")
    return number


# Refuses a value that recursive functions could not walk through later.
def _check_depth(value: Any) -> None:
    # Level by level instead of recursively: the check must not hit the limit that it protects others from.
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise DocumentError("nested too deeply")


# Checks a YAML document before its aliases and merges are written out, since those can grow without end.
def _check_node(top: Any, *, any_keys: bool) -> None:
    # By identity: an alias is the same node again, and its size need not be counted anew to be added anew.
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size_of(node: Any, depth: int) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if depth > MOST_DEPTH or id(node) in open_nodes:
            raise DocumentError("nested too deeply, or within itself")
        open_nodes.add(id(node))
        size = 1
        for inner in _inner_nodes(node, any_keys=any_keys):
            size += size_of(inner, depth + 1)
            if size > _MOST_NODES:
                raise DocumentError(f"more than {_MOST_NODES} values, with its aliases written out")
        open_nodes.discard(id(node))
        sizes[id(node)] = size
        return size

    size_of(top, 0)


def _inner_nodes(node: Any, *, any_keys: bool) -> list[Any]:
    place = node.start_mark
    tag = node.tag.rpartition(":")[2]
    if isinstance(node.value, str):
        if tag == "int" and len(node.value) > _MOST_DIGITS + 1:
            raise DocumentError("a whole number of more than 64 bits", place.line + 1, place.column + 1)
        if tag == "float" and node.value.lower().lstrip("+-") in (".nan", ".inf"):
            raise DocumentError(f"{node.value} is not a number here", place.line + 1, place.column + 1)
        return []
    if not isinstance(node.value, list):
        return []
    if tag != "map":
        return [inner for one in node.value for inner in (one if isinstance(one, tuple) else (one,))]
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        kind = key.tag.rpartition(":")[2]
        if kind not in ("str", "merge", "value") and not any_keys:
            raise DocumentError("a key that is not text", key.start_mark.line + 1, key.start_mark.column + 1)
        if isinstance(key.value, str):
            if (kind, key.value) in seen:
                where = key.start_mark
                raise DocumentError(f"the key {key.value[:60]!r} stands twice", where.line + 1, where.column + 1)
            seen.add((kind, key.value))
    return [inner for pair in node.value for inner in pair]


def raise_csv_limit() -> int:
    """Raises the csv module's limit on a cell, which may hold a whole dialogue, and gives the new limit."""
    import csv

    most = 1 << 26
    csv.field_size_limit(most)
    return most
