"""Takes one row of a preference dataset apart: prompt, chosen side, rejected side, whatever form they come in."""

import re
from dataclasses import dataclass
from typing import Any

from ...schemas.errors import DataError
from ...schemas.text import mend_half_pairs

Turns = list[tuple[str, str]]
"""Role and content of each message."""

# A run of white space is tried from its beginning and its first line break alone, or many would take their square.
_ANSWER = re.compile(
    r"(?<!\s)[^\S\n]*+\n\s*+(?:assistant|ai|bot|supporter|therapist)\s*:\s*|<\|assistant\|>\s*", re.IGNORECASE
)
_SPACE = re.compile(r"\s(?=\S*$)")


@dataclass(frozen=True)
class SplitRow:
    """A row taken apart; contents of several messages are joined by a character that no text holds."""

    prompt: str
    chosen: str
    rejected: str
    prompt_fits: bool = True
    """Whether the prompt's roles are in order; texts have none to be wrong."""
    chosen_fits: bool = True
    rejected_fits: bool = True
    shifted: bool | None = None
    """Whether the prompt is another one than the sides begin with; None where they hold none."""


def split_row(prompt: Any, chosen: Any, rejected: Any, where: str) -> SplitRow:
    """A row taken apart.

    Args:
        prompt: a text, a list of messages, or None where the sides hold it.
        chosen: a text or a list of messages; None counts as empty.
        rejected: the same.
        where: the row's place, for what is said of it.

    Raises:
        DataError: a cell is neither a text nor a list of messages, or the sides are not alike.
    """
    cells = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    read = {name: _read(cell, f"{where}: {name}") for name, cell in cells.items()}
    first, one, other = read["prompt"], read["chosen"], read["rejected"]
    if isinstance(one, str) and isinstance(other, str):
        return _of_texts(first, one, other)
    return _of_messages(first, _as_turns(one), _as_turns(other))


def _of_texts(prompt: str | Turns | None, chosen: str, rejected: str) -> SplitRow:
    if prompt is None:
        cut = _shared(chosen, rejected)
        return SplitRow(chosen[:cut], chosen[cut:], rejected[cut:])
    text = prompt if isinstance(prompt, str) else _joined(prompt)
    if text.strip() and chosen.startswith(text) and rejected.startswith(text):
        chosen, rejected = chosen[len(text) :], rejected[len(text) :]
    return SplitRow(text, chosen, rejected, prompt_fits=isinstance(prompt, str) or _ends_with_user(prompt))


def _of_messages(prompt: str | Turns | None, chosen: Turns, rejected: Turns) -> SplitRow:
    before, one, other = _apart(chosen, rejected)
    shifted = None
    if prompt is None:
        turns, fits = before, _ends_with_user(before)
    elif isinstance(prompt, str):
        turns, fits = [("user", prompt)], True
        shifted = prompt.strip() not in [content.strip() for _, content in before] if before else None
    else:
        turns, fits = prompt, _ends_with_user(prompt)
        shifted = [turn for turn in before if turn[0] != "system"] != [turn for turn in prompt if turn[0] != "system"]
        shifted = shifted if before else None
    return SplitRow(_joined(turns), _joined(one), _joined(other), fits, _is_answer(one), _is_answer(other), shifted)


def _apart(chosen: Turns, rejected: Turns) -> tuple[Turns, Turns, Turns]:
    """What both begin with, and what is left of each: at least the last message, so that equal sides stay sides."""
    most = max(0, min(len(chosen), len(rejected)) - 1)
    shared = next((at for at in range(most) if chosen[at] != rejected[at]), most)
    return chosen[:shared], chosen[shared:], rejected[shared:]


def _shared(chosen: str, rejected: str) -> int:
    """Where the prompt ends that two texts begin with."""
    shorter = min(len(chosen), len(rejected))
    length = next((at for at in range(shorter) if chosen[at] != rejected[at]), shorter)
    same = chosen[:length]
    answers = list(_ANSWER.finditer(same))
    if answers:
        return answers[-1].end()
    if "\n" in same:
        return same.rindex("\n") + 1
    if chosen == rejected:
        return 0
    found = _SPACE.search(same)
    return found.end() if found else 0


def _read(cell: Any, where: str) -> str | Turns | None:
    if cell is None:
        return None if where.endswith("prompt") else ""
    if isinstance(cell, str):
        return mend_half_pairs(cell)
    if not isinstance(cell, list):
        raise DataError(f"{where}: neither a text nor a list of messages")
    turns = []
    for message in cell:
        role, content = (message.get(name) for name in ("role", "content")) if isinstance(message, dict) else (None, 0)
        if not isinstance(role, str) or not isinstance(content, str | None):
            raise DataError(f"{where}: a message is not of the form {{role, content}} with texts")
        turns.append((role, mend_half_pairs(content or "")))
    return turns


def _as_turns(side: str | Turns | None) -> Turns:
    return [("assistant", side)] if isinstance(side, str) else side or []


def _joined(turns: Turns) -> str:
    return "\0".join(content for _, content in turns)


def _ends_with_user(turns: Turns) -> bool:
    return bool(turns) and turns[-1][0] == "user"


def _is_answer(turns: Turns) -> bool:
    return len(turns) == 1 and turns[0][0] == "assistant"
