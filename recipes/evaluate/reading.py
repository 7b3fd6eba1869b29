"""Reads prediction files: our own form, and that of DecoupledESC's published inference scripts.

Ours is JSON Lines with the columns of `Prediction`, of which `dialogue_id`, `turn` and `gold_strategy` are needed.
DecoupledESC's (arXiv 2505.16995) is a JSON list, or JSON Lines, of objects with `GT_strategy`, `predict_strategy`,
`GT_content`, `predict_content`; it names no dialogues, but where rows hold their `conversations`, a row whose history
goes on from the row before is of the same dialogue. In both, a predicted label that is none of the eight is invalid,
and kept as it came.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...prompts.parsers.strategy import read_strategy
from ...schemas.documents import DocumentError, parse_json, read_bytes
from ...schemas.errors import UsageError
from ...schemas.strategy import Strategy, parse_strategy
from .predictions import Prediction, System

OURS = ("dialogue_id", "turn", "gold_strategy")
THEIRS = ("GT_strategy", "predict_strategy", "GT_content", "predict_content")

Record = dict[str, Any]


def read_systems(named: str) -> tuple[System, ...]:
    """The systems in `FILE`, or in `NAME=FILE` and then by that name.

    Raises:
        UsageError: the file cannot be read or is of neither form, a row is not what its form says, or the name is given
            to a file of several systems.
    """
    name, path = _split_name(named)
    records = list(_records(path))
    if not records:
        raise UsageError(f"{path.name}: no predictions in it")
    if all(column in records[0][1] for column in THEIRS):
        return (_their_system(name or path.stem, path, records),)
    if all(column in records[0][1] for column in OURS):
        return _our_systems(name, path, records)
    has = ", ".join(sorted(map(str, records[0][1]))) or "none"
    raise UsageError(
        f"{path.name}: {records[0][0]}: its columns are {has}; wanted are {', '.join(OURS)} with strategy and reply, "
        f"or {', '.join(THEIRS)}"
    )


def _split_name(named: str) -> tuple[str, Path]:
    name, equals, path = named.partition("=")
    return (name, Path(path)) if equals and name and not Path(named).exists() else ("", Path(named))


def _records(path: Path) -> Iterator[tuple[str, Record]]:
    """Each record with its place in words."""
    try:
        text = read_bytes(path).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: not UTF-8: {error.reason} at byte {error.start}") from error
    except DocumentError as error:
        raise UsageError(f"{path.name}: {error}") from error
    whole = text.lstrip().startswith("[")
    for where, value in _list(path, text) if whole else _lines(path, text):
        if not isinstance(value, dict):
            raise UsageError(f"{path.name}: {where}: an object is wanted, not {type(value).__name__}")
        yield where, value


def _list(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    try:
        values = parse_json(text)
    except DocumentError as error:
        raise UsageError(f"{path.name}: not JSON: {error}") from error
    yield from ((f"item {number}", value) for number, value in enumerate(values))


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                value = parse_json(line)
            except DocumentError as error:
                raise UsageError(f"{path.name}: line {number}: not JSON: {error}") from error
            yield f"line {number}", value


def _our_systems(name: str, path: Path, records: list[tuple[str, Record]]) -> tuple[System, ...]:
    systems: dict[str, list[Prediction]] = {}
    seen: set[tuple[str, str, int]] = set()
    for where, record in records:
        one = _checked(path, where, record, lambda record: _our_prediction(record, path.stem))
        if (key := (one.system, *one.place)) in seen:
            raise UsageError(f"{path.name}: {where}: turn {one.turn} of {one.dialogue_id} was there before")
        seen.add(key)
        systems.setdefault(one.system, []).append(one)
    if name and len(systems) > 1:
        raise UsageError(f"{path.name}: it holds {len(systems)} systems ({', '.join(systems)}), so {name}= names none")
    return tuple(
        System(name or own, "system", f"from {path.name}", tuple(_renamed(one, name or own) for one in found))
        for own, found in systems.items()
    )


def _our_prediction(record: Record, system: str) -> Prediction:
    known = {column: record[column] for column in Prediction.model_fields if column in record}
    raw = known.get("strategy_raw", known.get("strategy"))
    label = known.get("strategy") if "strategy" in known else raw
    return Prediction.model_validate(
        {"system": system, "gold_reply": None, "reply": None}
        | known
        | {"gold_strategy": _gold(record["gold_strategy"]), "strategy_raw": raw, "strategy": _label(label)}
    )


def _their_system(name: str, path: Path, records: list[tuple[str, Record]]) -> System:
    predictions: list[Prediction] = []
    before: list[Any] = []
    dialogue, turn, grouped = -1, 0, True
    for where, record in records:
        said = record.get("conversations")
        grouped = grouped and isinstance(said, list)
        goes_on = isinstance(said, list) and bool(before) and len(said) > len(before) and said[: len(before)] == before
        dialogue, turn = (dialogue, turn + 1) if goes_on else (dialogue + 1, 0)
        before = said if isinstance(said, list) else []
        made = _checked(path, where, record, lambda record: _their_prediction(record, name))
        predictions.append(made.model_copy(update={"dialogue_id": f"dialogue {dialogue}", "turn": turn}))
    note = (
        f"{path.name} names no dialogues and no histories: its intervals take turns to be unrelated, and are too narrow"
    )
    return System(name, "system", f"from {path.name}", tuple(predictions), () if grouped else (note,))


def _their_prediction(record: Record, system: str) -> Prediction:
    return Prediction(
        system=system,
        dialogue_id="",
        turn=0,
        gold_strategy=_gold(record["GT_strategy"]),
        gold_reply=_text(record["GT_content"]),
        strategy_raw=_text(record["predict_strategy"]),
        strategy=_label(record["predict_strategy"]),
        reply=_text(record["predict_content"]),
    )


def _checked(path: Path, where: str, record: Record, make: Callable[[Record], Prediction]) -> Prediction:
    """What `make` makes of a record; what is wrong with it is told with its place."""
    try:
        return make(record)
    except KeyError as error:
        raise UsageError(f"{path.name}: {where}: column {error.args[0]} is missing") from error
    except ValueError as error:  # pydantic's is one, too
        raise UsageError(f"{path.name}: {where}: {_reason(error)}") from error


def _reason(error: ValueError) -> str:
    found = getattr(error, "errors", None)
    if found is None:
        return str(error)
    first = found(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _gold(label: object) -> Strategy:
    strategy = parse_strategy(label) if isinstance(label, str) else None
    if strategy is None:
        raise ValueError(f"the human's strategy is {str(label)[:60]!r}, none of {', '.join(Strategy)}")
    return strategy


def _label(label: object) -> Strategy | None:
    read = read_strategy(label) if isinstance(label, str) else None
    return read if isinstance(read, Strategy) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _renamed(one: Prediction, name: str) -> Prediction:
    return one if one.system == name else one.model_copy(update={"system": name})
