"""Takes a reasoning model's thoughts out of its reply: they are no part of the answer."""

import re

_TAG = re.compile(r"<(?P<end>/?)think(?:ing)?>", re.IGNORECASE)


def without_thinking(reply: str) -> str:
    """The reply without its `<think>…</think>` blocks; what follows one that was never closed is thought, too.

    An end without a beginning closes a block that began in the prompt: some chat templates write the tag there.
    """
    kept: list[str] = []
    at, inside = 0, False
    for tag in _TAG.finditer(reply):
        if tag["end"]:
            if not inside:
                kept.clear()
            inside = False
        elif not inside:
            kept.append(reply[at : tag.start()])
            inside = True
        if not inside:
            at = tag.end()
    return "".join(kept) if inside else "".join([*kept, reply[at:]])
