"""Markers of no known meaning at the start of a reply: they may open a model's thoughts instead of an answer.

The markers of known makers are taken out when an answer is received, so whatever is left here is unknown. A word in
square brackets is a marker where it is written in capitals, closes something, or is a word that machines use for parts
of an answer; `[laughs]` is none, and the name of a strategy is another step's matter. Our own rule.
"""

import re

from ...schemas.strategy import parse_strategy

_PART = (
    r"(?:chain[ -]of[ -]thoughts?|inner (?:monologue|thoughts?)|internal (?:monologue|thoughts?|reasoning)"
    r"|(?:my |the )?(?:final |draft |suggested )?(?:thoughts?|thinking|think|thought process|reasoning|rationale"
    r"|analysis|scratch ?pad|commentary|deliberation|answer|response|reply|output|plan|planning)|final|step \d{1,2}|cot"
    r"|(?:supporter|assistant)(?:'s)? (?:reply|response|turn))"
)
"""What machines call the parts of an answer."""
_FORMS = re.compile(
    r"(?P<tag><\s?/?[a-z][\w:.-]{0,40}(?: [^<>\n]{0,80})?/?>)"
    r"|(?P<token><[|｜][^<>\n]{1,60}[|｜]>|◁[^◁▷\n]{1,40}▷|«\|[^\n]{1,40}\|»)"
    r"|(?P<fence>```)"
    rf"|(?P<bracket>[\[【〔]\s?/?(?P<inside>[^\[\]【】〔〕\n]{{1,40}})[\]】〕])"
    rf"|(?P<label>(?:[*_#>-]{{1,6}}\s?)?{_PART}\s?(?:[*_]{{1,3}})?\s?[:：](?:[*_]{{1,3}})?"
    rf"|#{{1,6}} ?{_PART}\s*(?:\n|$))",
    re.IGNORECASE,
)
_MACHINE_WORD = re.compile(rf"{_PART}|system|user|assistant|seeker|supporter", re.IGNORECASE)


def marker_in(reply: str) -> str | None:
    """The marker that a reply begins with, or None; at most 40 characters of it."""
    found = _FORMS.match(reply.lstrip()[:400])
    if found is None:
        return None
    if found["bracket"] and not _is_marker(found["bracket"], found["inside"].strip()):
        return None
    return found[0].strip()[:40]


def _is_marker(bracket: str, inside: str) -> bool:
    if parse_strategy(inside) is not None:
        return False
    closes = bracket[1:].lstrip().startswith("/")
    capitals = len(inside) > 1 and inside.upper() == inside and any(letter.isalpha() for letter in inside)
    return closes or capitals or _MACHINE_WORD.fullmatch(inside) is not None
