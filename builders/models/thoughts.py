"""Writes the thoughts in a reply as `<think>…</think>`, whatever marks them at their maker's.

Only marks are rewritten; of the words none is lost, and a text without marks stays as it is, byte for byte. Released
parsers take `<think>` out. The rules:

* A mark that opens thoughts counts at the start of a reply, or where its own end follows: a mark in the middle that is
  never closed may be a quotation. `<think>` and `<thinking>` always count, as released parsers read them.
* A mark that ends thoughts counts without a beginning, too: some chat templates write the beginning into the prompt.
* Other marks within thoughts are left alone. A reply that begins as a JSON object has no thoughts: it may quote marks.
* What frames an answer after thoughts (`<answer>`, `[END FINAL RESPONSE]`, an end-of-turn token) goes.

The time grows linearly with the text.
"""

import re
from typing import NamedTuple

_OPEN, _CLOSE = "<think>", "</think>"


class _Form(NamedTuple):
    """The marks of thoughts that one group of models uses."""

    opens: str
    closes: str
    orphan: bool = True
    """Whether its end counts where its beginning is missing."""
    keeps: bool = False
    """Whether its marks are words, which stay as part of the thoughts."""


_WORDS = r"(?:think(?:ing)?|thoughts?|thought[_-]process|reasoning|reflection|scratchpad|chain[_-]of[_-]thought|cot)"
_INNER = r"(?:(?:inner|internal)[_-](?:thoughts?|monologue)|analysis)"
_NAME = rf"(?:[a-z0-9.]{{1,30}}[:_-]){{0,3}}(?:{_WORDS}|{_INNER})"
_ATTRIBUTES = r"""(?:\s{1,4}[\w:-]{1,40}=(?:"[^"<>]{0,100}"|'[^'<>]{0,100}')){0,4}"""
_BAR = "[|｜]"
_TOKEN = r"(?:think(?:ing)?|thoughts?|reasoning)"
_GAP = r"[_ ▁]"
_AGAIN = r"(?:<\|end\|>\s{0,4})?(?:<\|start\|>\s{0,4}assistant\s{0,4})?"
_HEADER = r"[^<>]{0,80}(?:<\|constrain\|>[^<>]{0,80})?<\|message\|>"

_FORMS = {
    # What released parsers read by themselves; never rewritten.
    "think": _Form(r"<think(?:ing)?>", r"</think(?:ing)?>"),
    # <thought>, <reasoning>, <seed:think>, <longcat_think>, < think >, <think type="x">: Gemini, EXAONE, Seed, LongCat.
    "tag": _Form(rf"<\s{{0,4}}{_NAME}{_ATTRIBUTES}\s{{0,4}}>", rf"<\s{{0,4}}/\s{{0,4}}{_NAME}\s{{0,4}}>"),
    # Mistral's Magistral. [Reflection] and the like are strategies.
    "square": _Form(rf"\[{_TOKEN}\]", rf"\[/{_TOKEN}\]"),
    # OpenAI's gpt-oss.
    "channel": _Form(
        rf"{_AGAIN}<\|channel\|>\s{{0,4}}(?!final)\w{{1,30}}{_HEADER}",
        rf"{_AGAIN}<\|channel\|>\s{{0,4}}final{_HEADER}",
    ),
    # The same, when a server drops the special tokens and keeps the names between them.
    "bare channel": _Form(r"\A\s{0,8}(?-i:analysis(?=[A-Z]))", r"assistantfinal", orphan=False),
    # Gemma 4, MedGemma.
    "gemma": _Form(r"<\|channel>\s{0,4}(?:thought|analysis)\b", r"<channel\|>"),
    "unused": _Form(r"<unused94>(?:\s{0,4}thought\b)?", r"<unused95>"),
    # Kimi.
    "triangle": _Form(rf"◁{_TOKEN}▷", rf"◁/{_TOKEN}▷"),
    # <|begin_of_thought|> (Sky-T1, OpenThinker), <|START_THINKING|> (Cohere), <|think|>, <|thought_start|>.
    "token": _Form(
        rf"<{_BAR}(?:(?:begin|start){_GAP}(?:of{_GAP})?{_TOKEN}|{_TOKEN}(?:{_GAP}(?:begin|start))?){_BAR}>",
        rf"<{_BAR}(?:end{_GAP}(?:of{_GAP})?{_TOKEN}|/{_TOKEN}|{_TOKEN}{_GAP}end){_BAR}>",
    ),
    # Open WebUI's rendering, a fence, IBM's Granite, ServiceNow's Apriel, Ollama's terminal.
    "details": _Form(r"""<details\s{1,4}type=["']reasoning["'][^<>]{0,200}>""", r"</details>", orphan=False),
    "fence": _Form(rf"```{_TOKEN}\s{{0,4}}\n", r"```(?![\w`])", orphan=False),
    "granite": _Form(
        r"Here(?: is|'s|’s) my thought process:", r"Here(?: is|'s|’s) my response:", orphan=False, keeps=True
    ),
    "apriel": _Form(r"Here are my reasoning steps:", r"\[BEGIN FINAL RESPONSE\]", keeps=True),
    "terminal": _Form(r"\AThinking\.\.\.\s{0,4}\n", r"\.\.\.done thinking\.", keeps=True),
}
_FRAME = r"<\|begin_of_solution\|>|<\|START_RESPONSE\|>|<(?:final[_-]?)?(?:answer|response|output)>|<final>"
_FRAME_ENDS = re.compile(
    r"(?:\s{0,8}(?:<\|end_of_solution\|>|<\|END_RESPONSE\|>|</(?:final[_-]?)?(?:answer|response|output)>|</final>"
    r"|\[END FINAL RESPONSE\]|<\|(?:end|return)\|>))+\s{0,8}\Z",
    re.IGNORECASE,
)
# Letters at the end of a reply in which the end of a frame is looked for.
_FRAMES_LOOKED_AT = 2_000
_BY_NUMBER = tuple(_FORMS.values())
_CANONICAL = 0
# What a mark begins with, if it is not one of the phrases.
_SIGNS = "<[◁`"
# One of these is in every reply with a mark; a strategy in brackets has none, and is not looked at more closely.
_HINTS = (
    "<",
    "◁",
    "```",
    "[think",
    "[/think",
    "[thought",
    "[/thought",
    "[reasoning]",
    "[/reasoning]",
    "[begin",
    "[end",
)
_PHRASES = ("thought process:", "my response:", "reasoning steps:", "assistantfinal", "thinking...", "done thinking.")


# All marks; with a look at the first letter, without which every letter costs as much as a mark.
def _pattern(beginnings: str) -> re.Pattern[str]:
    forms = [
        f"(?P<{kind}_{number}>{pattern})"
        for number, form in enumerate(_BY_NUMBER)
        for kind, pattern in (("open", form.opens), ("close", form.closes))
    ]
    return re.compile(f"(?={beginnings})(?:{'|'.join([*forms, f'(?P<frame>{_FRAME})'])})", re.IGNORECASE)


_MARK = _pattern(f"[{re.escape(_SIGNS)}]")
_MARK_OR_PHRASE = _pattern(rf"[{re.escape(_SIGNS)}]|here|\s{{0,8}}analysis|assistantfinal|thinking\.|\.\.\.done")


class _Mark(NamedTuple):
    start: int
    end: int
    words: str
    form: int
    opens: bool


def canonical_thoughts(text: str) -> str:
    """`text` with its thoughts in `<think>…</think>`; see the module for the rules."""
    if text.lstrip()[:1] == "{":
        return text
    folded = text.casefold()
    has_phrase = any(phrase in folded for phrase in _PHRASES) or folded.lstrip().startswith("analysis")
    if not has_phrase and not any(hint in folded for hint in _HINTS):
        return text
    pattern = _MARK_OR_PHRASE if has_phrase else _MARK
    marks = [_mark_of(found) for found in pattern.finditer(text)]
    return _rewrite(text, marks) if marks else text


def wrap_thoughts(words: str) -> str:
    """Thoughts that come apart from the reply, in their place before it."""
    return f"{_OPEN}{words}{_CLOSE}" if words else ""


def _mark_of(found: re.Match[str]) -> _Mark:
    group = str(found.lastgroup)
    kind, _, number = group.partition("_")
    form = int(number) if number else -1
    return _Mark(found.start(), found.end(), found[0], form, kind != "close")


def _rewrite(text: str, marks: list[_Mark]) -> str:
    last_ends = {mark.form: mark.start for mark in marks if not mark.opens}
    kept: list[str] = []
    at = 0
    inside: int | None = None
    said = thought = False  # whether there are words of the answer; whether there were thoughts
    for mark in marks:
        between = text[at : mark.start]
        said = said or (inside is None and bool(between.strip()))
        new, inside_after = _decide(mark, inside, last_ends, said=said, thought=thought)
        if new is None:
            said = said or inside is None
            new = mark.words
        elif inside_after is None:
            said, thought = False, True
        kept += [between, new]
        at, inside = mark.end, inside_after
    rest = text[at:]
    if thought and inside is None:
        rest = _without_frame_ends(rest)
    return "".join([*kept, rest])


# The replacement of a mark, None for itself, and the form of thoughts of the text after it.
def _decide(
    mark: _Mark, inside: int | None, last_ends: dict[int, int], *, said: bool, thought: bool
) -> tuple[str | None, int | None]:
    if inside is not None:
        own_end_follows = last_ends.get(inside, -1) >= mark.start
        ends = not mark.opens and (mark.form == inside or not own_end_follows)
        return (_written(mark), None) if ends else (None, inside)
    if mark.form < 0:
        return ("" if thought and not said else None), None
    form = _BY_NUMBER[mark.form]
    if mark.opens:
        counts = mark.form == _CANONICAL or not said or last_ends.get(mark.form, -1) > mark.start
        return (_written(mark), mark.form) if counts else (None, None)
    return (_written(mark) if form.orphan else None), None


def _written(mark: _Mark) -> str:
    if mark.form == _CANONICAL:
        return mark.words
    words = mark.words if _BY_NUMBER[mark.form].keeps else ""
    return f"{_OPEN}{words}" if mark.opens else f"{words}{_CLOSE}"


# The end of an answer without what closes its frame.
def _without_frame_ends(rest: str) -> str:
    head, tail = rest[:-_FRAMES_LOOKED_AT], rest[-_FRAMES_LOOKED_AT:]
    return head + _FRAME_ENDS.sub("", tail)
