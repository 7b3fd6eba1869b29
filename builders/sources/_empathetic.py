"""Reads EmpatheticDialogues (arXiv 1811.00207), whose rows are utterances, and whose listeners name no strategies.

The first speaker describes a situation and is the seeker; the other one listens and is the supporter. The emotion
that the situation was asked for is the dialogue's. There are no strategies, and none are made up: such dialogues give
reasoning traces, and no rows that need a human's strategy.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ...schemas.dialogue import Speaker, Split, Turn
from ...schemas.errors import SourceError
from .base import FaultError, Format, Record, RowFormat, has_list, make_turn

_COLUMNS = ("conv_id", "utterance_idx", "context", "prompt", "speaker_idx", "utterance")
# The last column, which lines without tags may lack.
_LAST = "tags"
# As CSV and JSON files have the number of a speaker.
_NUMBER = (str, int, float)


# Whether a record is one utterance rather than a dialogue.
def _is_utterance(record: Any) -> bool:
    return isinstance(record, Mapping) and all(name in record for name in _COLUMNS)


def _is_header(header: Sequence[str]) -> bool:
    return all(name in header for name in _COLUMNS)


# Utterances that follow each other in one conversation become one record, `{"utterances": [...]}`.
def _gather(rows: Iterable[tuple[Any, Split | None]]) -> Iterator[tuple[Any, Split | None]]:
    for _, together in groupby(enumerate(rows), key=_conversation):
        (record, split), *others = (row for _, row in together)
        if _is_utterance(record):
            about = {name: _text(record[name]) for name in ("context", "prompt")}
            record = {"utterances": [record, *(other for other, _ in others)], **about}
        yield record, split


# Who says what in a record of utterances: the number of the speaker, and the words.
def _spoken(record: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    for index, said in enumerate(record["utterances"]):
        if not isinstance(said, Mapping) or "utterance" not in said or not isinstance(said.get("speaker_idx"), _NUMBER):
            raise FaultError("wrong_shape", "an utterance has no `speaker_idx` or no `utterance`", index)
        yield said["speaker_idx"], _text(said["utterance"])


# The rows of a CSV file as published: `_comma_` stands for a comma, and quotation marks quote nothing. A file that a
# tool has written anew, with quoted cells, is understood as well.
def _read(path: Path, lines: Iterable[str]) -> Iterator[dict[str, str]]:
    header: list[str] | None = None
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r\n")
        if header is None:
            header = next(csv.reader([line]))
            if missing := [name for name in _COLUMNS if name not in header]:
                raise SourceError(
                    f"{path}: line 1: no column {missing[0]}; of CSV files those of EmpatheticDialogues can be read"
                )
        elif line:
            yield dict(zip(header, _cells(path, number, line, header), strict=False))


def _cells(path: Path, number: int, line: str, header: Sequence[str]) -> list[str]:
    fits = (len(header), len(header) - (header[-1] == _LAST))
    for cells in (line.split(","), next(csv.reader([line]))):
        if len(cells) in fits:
            return cells
    raise SourceError(f"{path}: line {number}: {len(line.split(','))} cells where the header has {len(header)}")


# What the utterances of one conversation have in common; of any other record its own number.
def _conversation(numbered: tuple[int, tuple[Any, Split | None]]) -> tuple[Any, Any]:
    number, (record, split) = numbered
    return (record["conv_id"], split) if _is_utterance(record) else (number, None)


def _text(value: Any) -> str:
    return str(value).replace("_comma_", ",").strip()


def _turns(record: Record) -> Iterator[Turn]:
    numbers = list(dict.fromkeys(number for number, _ in _spoken(record)))
    for index, (number, text) in enumerate(_spoken(record)):
        if number in numbers[2:]:
            raise FaultError("missing_speaker", f"a third speaker, {number!r}", index)
        speaker = Speaker.SEEKER if number == numbers[0] else Speaker.SUPPORTER
        if text:
            yield make_turn({"speaker": speaker, "text": text}, index)


FORMAT = Format(
    "empathetic",
    "an utterance a row (EmpatheticDialogues)",
    lambda record: has_list(record, "utterances"),
    _turns,
    {"emotion": "context", "situation": "prompt"},
    rows=RowFormat("empathetic_dialogues", _is_header, _read, _gather),
    order=4,
)
