"""Our own form, `Dialogue`: JSON Lines, or the config `dialogues` of a release."""

from collections.abc import Iterator, Mapping

from ...schemas.dialogue import Speaker, Turn
from .base import FaultError, Format, Record, has_list, make_turn, named_strategy


def _turns(record: Record) -> Iterator[Turn]:
    names_strategies = any(isinstance(said, Mapping) and said.get("strategy") for said in record["turns"])
    for index, said in enumerate(record["turns"]):
        if not isinstance(said, Mapping):
            raise FaultError("wrong_shape", "a turn is not an object", index)
        if said.get("speaker") not in tuple(Speaker):
            raise FaultError("missing_speaker", f"speaker is {said.get('speaker')!r}", index)
        if said["speaker"] == Speaker.SUPPORTER and names_strategies:
            named_strategy(said.get("strategy"), index)
        yield make_turn(said, index)


FORMAT = Format(
    "dialogue",
    "an object with `turns` (our own)",
    lambda record: has_list(record, "turns"),
    _turns,
    {"problem": "problem", "emotion": "emotion", "situation": "situation"},
    order=3,
    is_own=True,
)
