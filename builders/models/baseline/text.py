"""The words of a text: all of them, its sentences, and those that say what it is about. Nothing here is fitted."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from ....schemas.dialogue import Speaker, Turn
from ....schemas.text import normalise_text

_TOKEN = re.compile(r"\w+(?:'\w+)*|[?!]")
_SENTENCE_END = re.compile(r"[.!?;\n]+")
_ENDINGS = ("ingly", "edly", "ings", "ing", "ied", "ies", "ed", "es", "s", "ly", "er")

# What any two people say to one another, and the small talk of support: sharing these words shows nothing.
_COMMON = frozenset(
    """a an the and or but if so as of in to on at by for with from about into over after before then than that this
    these those there here it its i me my mine myself you your yours yourself he she him her his hers they them
    their we us our is am are was were be been being do does did doing done don doesn didn have has had having
    haven hasn hadn can could couldn will won would wouldn shall should shouldn may might must not no nor yes
    yeah ok okay oh well just very really too also only even still much many more most some any all both each
    other own same such what which who whom whose when where why how because while until again ever never always
    maybe perhaps get got getting go going gone goes let make made like know think thing things something
    anything nothing everything someone anyone everyone people one two lot way time times want need say said
    tell told see try good great nice right sure sorry hear thank thanks please hello hey bye glad happy hope
    help feel feeling feelings sounds sound understand gonna wanna dont cant bit little kind sort able back down
    out off now today day first take come talk talking chat ask answer give keep find better best year month
    week moment new big long old use put end start call mean believe idea important welcome situation problem
    place matter question else hopefully definitely probably actually absolutely honestly already yet though
    through around without between another every many become turn look seem word course fine cool lol""".split()
)


@lru_cache(maxsize=8192)
def tokenise(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, `?` and `!` among them; a curly apostrophe is a straight one."""
    return tuple(_TOKEN.findall(text.replace("’", "'").casefold()))


def plain(text: str) -> str:
    """`text` in lower case on one line, apostrophes straight: what phrases are looked for in."""
    return " ".join(text.replace("’", "'").casefold().split())


def quote(text: str) -> str:
    """At most three words of `text`, in quotation marks."""
    return '"' + " ".join(re.sub(r"[^\w' ]", " ", text).split()[:3]) + '"'


def sentences(text: str) -> list[tuple[str, ...]]:
    """The sentences of `text` as words; what separates them (full stop or line break) makes no difference."""
    return [words for part in _SENTENCE_END.split(text) if (words := tokenise(part))]


@lru_cache(maxsize=8192)
def content_words(text: str) -> Mapping[str, str]:
    """The words of `text` that say what it is about: a stem each, and the word as it stands there."""
    words = (word.split("'")[0] for word in tokenise(text))
    stems = ((_stem(word), word) for word in words if len(word) > 2 and word not in _COMMON)
    return {stem: word for stem, word in stems if stem not in _COMMON}


# A crude stem: enough to see that `worries` and `worried` are the same word.
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + ("y" if ending in ("ied", "ies") else "")
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


# What the embedded models see of a history: its words, never the strategies behind the supporter's turns.
#
# A request's key covers the words that an endpoint would be sent, and a prompt's transcript shows no strategies.
# Prompts also differ in whether they join consecutive seeker turns, so nothing here depends on where one such turn
# ends.


@dataclass(frozen=True)
class View:
    """A history by its words."""

    last_seeker: str
    """What the seeker said last, consecutive turns joined; empty where the seeker has not spoken."""
    supporter: tuple[str, ...]
    """The supporter's turns, in order."""
    seeker_runs: int
    """How often the seeker has had the word."""
    since_seeker: int
    """Supporter turns since then."""


def view_history(history: Sequence[Turn]) -> View:
    """The history as the models see it."""
    runs = [(speaker, [turn.text for turn in run]) for speaker, run in groupby(history, key=lambda turn: turn.speaker)]
    seeker = [" ".join(texts) for speaker, texts in runs if speaker is Speaker.SEEKER]
    since = len(runs[-1][1]) if runs and runs[-1][0] is Speaker.SUPPORTER else 0
    return View(
        last_seeker=seeker[-1] if seeker else "",
        supporter=tuple(turn.text for turn in history if turn.speaker is Speaker.SUPPORTER),
        seeker_runs=len(seeker),
        since_seeker=since,
    )


def opening(turns: Sequence[Turn], most: int) -> str:
    """The first characters of the turns as one normalised string, runs of a speaker joined.

    No more turns are read than that takes: a history's opening costs the same however long the history is.
    """
    parts: list[str] = []
    left = most
    for speaker, run in groupby(turns, key=lambda turn: turn.speaker):
        parts.append(f"{speaker.value}:{normalise_text(' '.join(turn.text for turn in run))}")
        left -= len(parts[-1]) + 1
        if left <= 0:
            break
    return "\n".join(parts)[:most]
