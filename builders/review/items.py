"""What annotators see of a pair: the conversation and two replies, in an order that says nothing."""

from collections.abc import Sequence
from typing import Any

from ...schemas.base import Frozen
from ...schemas.config import Config
from .key import KeyItem
from .sample import Drawn, rank_of

COLUMNS = ("item", "conversation", "strategy", "reply_a", "reply_b", "error_a", "error_b", "better", "comment")
"""The columns of a sheet, in order."""
ERROR_COLUMNS = ("error_a", "error_b")
"""To be filled with an error type or `none`."""
BETTER_COLUMN = "better"
"""To be filled with one of `BETTER`."""
BETTER = ("a", "b", "tie")

_SPEAKERS = {"user": "seeker", "assistant": "supporter"}
_MOST_CHARACTERS = 30_000
"""Of a conversation: a spreadsheet's cell holds 32,767."""
_LEFT_OUT = "(earlier turns are left out)\n"


class Item(Frozen):
    """A pair without anything that tells its sides apart."""

    item: str
    """An id that is no number and no date to any spreadsheet program, and tells nothing without the key."""
    conversation: str
    """What was said before, a line a turn."""
    strategy: str
    """The strategy that both replies follow; empty where each has its own."""
    reply_a: str
    reply_b: str


def blind(drawn: Sequence[Drawn], seed: int) -> dict[str, KeyItem]:
    """Every drawn pair's item id and what it stands for, shuffled by the seed."""
    items = {}
    for pair in sorted(drawn, key=lambda pair: rank_of(seed, "shuffle", pair.row_id)):
        # A word before the digits: a spreadsheet program takes bare ones such as 12e45 for a number and rewrites them.
        name = f"pair-{rank_of(seed, 'item', pair.row_id)[:12]}"
        heads = int(rank_of(seed, "side", pair.row_id), 16) % 2
        items[name] = KeyItem(row_id=pair.row_id, dialogue_id=pair.dialogue_id, a="chosen" if heads else "rejected")
    return items


def item_of(name: str, config: Config, row: dict[str, Any], key: KeyItem) -> Item:
    """What annotators see of a row."""
    sides = [row[side][0]["content"] for side in ("chosen", "rejected")]
    reply_a, reply_b = sides if key.a == "chosen" else sides[::-1]
    return Item(
        item=name,
        conversation=_conversation(config, row["prompt"]),
        strategy=row["strategy"] if config is Config.RESPONSE else "",
        reply_a=reply_a,
        reply_b=reply_b,
    )


def _conversation(config: Config, prompt: Sequence[dict[str, str]]) -> str:
    if config is Config.STRATEGY:  # its prompt holds the whole transcript in one message
        text = prompt[-1]["content"]
    else:
        said = (message for message in prompt if message["role"] in _SPEAKERS)
        text = "\n".join(f"{_SPEAKERS[message['role']]}: {message['content']}" for message in said)
    return fit_cell(text)


def fit_cell(text: str) -> str:
    """A conversation, a line a turn, without its beginning where it is too long for a cell."""
    return text if len(text) <= _MOST_CHARACTERS else _LEFT_OUT + text[-_MOST_CHARACTERS:].partition("\n")[2]
