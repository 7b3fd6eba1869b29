"""Chat messages with the strategy in brackets before each reply, as in fine-tuning data: `[Question] How are you?`"""

import re
from collections.abc import Iterator, Mapping

from ...schemas.dialogue import Speaker, Turn
from ._esconv import FIELDS
from .base import FaultError, Format, Record, has_list, make_turn, named_strategy

_BRACKETED = re.compile(r"^\s*\[([^\[\]]*)\]\s*")


# The system message comes first, and blank user turns stand between consecutive supporter turns: both are left out.
def _turns(record: Record) -> Iterator[Turn]:
    for index, message in enumerate(record["messages"]):
        if not isinstance(message, Mapping) or not isinstance(message.get("content"), str):
            raise FaultError("wrong_shape", "a message has no `content`", index)
        role, text = message.get("role"), message["content"]
        if role == "system" and index == 0:
            continue
        if role not in ("user", "assistant"):
            raise FaultError("missing_speaker", f"role is {role!r}", index)
        if not text.strip():
            continue
        if role == "user":
            yield make_turn({"speaker": Speaker.SEEKER, "text": text}, index)
            continue
        found = _BRACKETED.match(text)
        strategy = named_strategy(found[1] if found else None, index)
        words = text[found.end() :] if found else text
        if words.strip():
            yield make_turn({"speaker": Speaker.SUPPORTER, "text": words, "strategy": strategy}, index)


FORMAT = Format(
    "chat", "an object with `messages` (chat)", lambda record: has_list(record, "messages"), _turns, FIELDS, order=2
)
