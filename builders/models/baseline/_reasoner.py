"""The embedded reasoner: a stand-in that goes through the four steps by rule, and says only what can be shown.

The history is quoted, not understood: what the seeker said last, and what the supporter last asked. The emotion is one
that the lexicon finds in the seeker's words, drawn by how often it was named; neutral where it finds none. Both are
sometimes of an earlier moment. Strategy and reply are the embedded planner's and responder's, so the reply is a real
one from another dialogue and mostly not about this person: what it gives is labelled steps to build and test with, and
few demonstrations.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

import numpy as np

from ....schemas.base import canonical_json
from ....schemas.dialogue import Speaker, Turn
from ....schemas.emotion import EMOTION_NAMES, Emotion
from ....schemas.inference import Request
from .models import BaselineModels
from .planner import STRATEGIES
from .text import plain, tokenise

# A lexicon of feelings: which emotions a seeker's words name, by rule.
#
# The words are our own list, over the names that emotions go by. It knows no irony and no feeling that is not named; a
# word after a negation does not count.


_MORE: dict[Emotion, str] = {
    Emotion.ANGER: r"mad|hate|furious\w*|betray\w*|unfair",
    Emotion.ANNOYANCE: r"annoy\w*|frustrat\w*|bother\w*|sick of|fed up",
    Emotion.ANXIETY: r"anxi\w*|worr(?:y|ies|ied|ying)|stress\w*|overwhelm\w*|uncertain|insecure|can't sleep",
    Emotion.NERVOUSNESS: r"nervous\w*|on edge|restless",
    Emotion.FEAR: r"scar(?:ed|y)|afraid|terrif\w*|panic\w*|frighten\w*",
    Emotion.DEPRESSION: r"depress\w*|hopeless\w*|helpless|worthless|useless|empty|no energy|numb|exhaust\w*",
    Emotion.SADNESS: r"sad(?:ly|ness)?|cry(?:ing)?|cried|tears|miss (?:him|her|them|my)|heart ?br\w+|griev\w*"
    r"|unhappy|upset|miserabl\w*|feel(?:ing)? (?:\w+ )?(?:down|low|bad|terrible|awful)",
    Emotion.DISAPPOINTMENT: r"disappoint\w*|let (?:me|him|her|them) down|failed",
    Emotion.PAIN: r"hurt\w*|pain\w*|aching|suffer\w*",
    Emotion.LONELINESS: r"lonel\w*|alone|isolat\w*|no (?:friends|one|body)|left out",
    Emotion.GUILT: r"guilt\w*|my fault|regret\w*|blam(?:e|ing) myself",
    Emotion.SHAME: r"asham\w*|shame\w*",
    Emotion.EMBARRASSMENT: r"embarrass\w*|humiliat\w*",
    Emotion.JEALOUSY: r"jealous\w*|env(?:y|ious)",
    Emotion.DISGUST: r"disgust\w*|gross",
    Emotion.SURPRISE: r"surpris\w*|shock\w*|out of nowhere",
    Emotion.HOPE: r"hopeful|looking forward",
    Emotion.GRATITUDE: r"grateful|thank(?:s| you)|appreciate\w*",
    Emotion.JOY: r"happy|excited|glad|wonderful",
    Emotion.CONTENTMENT: r"reliev\w*|relief|(?:feel|feeling) (?:\w+ )?better|calmer",
}
# Names that are common words, too; `_MORE` says in which forms they count.
_AMBIGUOUS = frozenset({"content", "prepared", "alone", "hope"})
_NEGATION = r"(?<!not )(?<!n't )(?<!never )(?<!no )(?<!not so )(?<!not very )"
_WORDS = {
    emotion: re.compile(
        _NEGATION
        + r"\b(?:"
        + "|".join(
            [*(re.escape(name) for name in names if name not in _AMBIGUOUS), *filter(None, [_MORE.get(emotion)])]
        )
        + r")\b"
    )
    for emotion, names in EMOTION_NAMES.items()
}
# What a feeling of an earlier turn counts, for each turn that the seeker has spoken since.
_EARLIER = 0.5


@dataclass(frozen=True)
class Felt:
    """A feeling that the seeker has named."""

    emotion: Emotion
    weight: float
    """Above 0; 1 for every time that it was named just now, less for earlier turns."""
    cue: str
    """The words that name it, as they stand in the latest turn that does."""
    intensity: int
    """From 2 to 5, by how often it was named there."""


def feelings(history: Sequence[Turn]) -> list[Felt]:
    """Every feeling that the seeker has named, the weightiest first; of equals, in the order of `Emotion`."""
    spoken = [_named(turn.text) for turn in reversed(history) if turn.speaker is Speaker.SEEKER]
    found = [felt for emotion in Emotion if (felt := _felt(emotion, spoken)) is not None]
    return sorted(found, key=lambda felt: -felt.weight)


def latest_words(history: Sequence[Turn]) -> list[Turn]:
    """The seeker's turns since the supporter last spoke; where the supporter spoke last, those before that."""
    back = list(reversed(history))
    while back and back[0].speaker is Speaker.SUPPORTER:
        back.pop(0)
    return list(reversed(list(takewhile(lambda turn: turn.speaker is Speaker.SEEKER, back))))


# The words of a text that name each emotion; only of those that are named.
@lru_cache(maxsize=8192)  # every turn is looked at for all turns after it
def _named(text: str) -> Mapping[Emotion, Sequence[str]]:
    said = plain(text)
    found = ((emotion, tuple(match[0] for match in words.finditer(said))) for emotion, words in _WORDS.items())
    return {emotion: named for emotion, named in found if named}


# The feeling by what names it in each of the seeker's turns, the latest first; None where nothing does.
def _felt(emotion: Emotion, spoken: Sequence[Mapping[Emotion, Sequence[str]]]) -> Felt | None:
    weight = sum(len(named.get(emotion, ())) * _EARLIER**back for back, named in enumerate(spoken))
    latest = next((named[emotion] for named in spoken if emotion in named), None)
    return Felt(emotion, round(weight, 6), latest[0], min(5, 1 + len(latest))) if latest else None


# A summary quotes the end of what was said: the whole turn would make it a copy.
_QUOTED_WORDS = 24
# How often a drawn trace looks at the seeker's last turn; else at an earlier one, and is then often wrong.
_LATEST = 0.6
_NO_QUOTES = str.maketrans({'"': None, "“": None, "”": None, "<": None, ">": None, ";": ","})


def reason(models: BaselineModels, request: Request, rng: np.random.Generator) -> str:
    """The reasoner's reply, as JSON."""
    history, sampling = request.ask.history, request.sampling
    strategy = models.planner.sample(history, sampling, rng)
    greedy = sampling.temperature == 0
    seen = history if greedy else _moment(history, rng)
    felt = _drawn(feelings(seen), None if greedy else rng)
    last = _quotable(" ".join(turn.text for turn in latest_words(seen)))
    fit = float((models.planner.proba(history) / models.planner.usual)[STRATEGIES.index(strategy)])
    return canonical_json(
        {
            "history": _summary(seen, last),
            "emotion": felt.emotion,
            "intensity": felt.intensity,
            "cause": last or "nothing was told yet",
            "cues": _cues(seen, felt, last),
            "strategy": strategy,
            "why": f"at such moments of the training dialogues it is followed {fit:.2g} times as often as usual",
            "reply": models.responder.reply(history, strategy, request.draw, None if greedy else rng),
        }
    ).decode()


# The history up to the end of one of the seeker's turns: mostly the last, and each before it less often.
def _moment(history: Sequence[Turn], rng: np.random.Generator) -> Sequence[Turn]:
    ends = [at + 1 for at, turn in enumerate(history) if turn.speaker is Speaker.SEEKER]
    back = int(rng.geometric(_LATEST)) - 1
    return history[: ends[max(0, len(ends) - 1 - back)]] if ends else history


# One of the feelings: the weightiest, or drawn by weight.
def _drawn(felt: Sequence[Felt], rng: np.random.Generator | None) -> Felt:
    if not felt:
        return Felt(Emotion.NEUTRAL, 0.0, "", 1)
    if rng is None:
        return felt[0]
    mass = np.cumsum([one.weight for one in felt])
    drawn = int(np.searchsorted(mass, rng.random() * mass[-1], side="right"))
    return felt[min(drawn, len(felt) - 1)]


# What the seeker said last and what the supporter last asked, both in quotation marks.
def _summary(history: Sequence[Turn], last: str) -> str:
    asked = next((found for turn in reversed(history) if (found := _question(turn)) is not None), None)
    told = f'The seeker says: "{last}"' if last else "The seeker has told nothing yet."
    return f'{told} The supporter last asked: "{asked}"' if asked else f"{told} The supporter has asked nothing yet."


# The last question of a supporter turn, or None.
def _question(turn: Turn) -> str | None:
    if turn.speaker is not Speaker.SUPPORTER or "?" not in turn.text:
        return None
    before = turn.text[: turn.text.rindex("?")]
    start = max(before.rfind(mark) for mark in ".!?\n") + 1
    return _quotable(before[start:]) or None


# The seeker's own words, and what the latest turns hold of voice and face.
def _cues(history: Sequence[Turn], felt: Felt, last: str) -> list[dict[str, str]]:
    seen = [cue for turn in latest_words(history) for cue in turn.cues]
    cues = [{"modality": cue.modality, "description": _quotable(cue.description)} for cue in seen]
    words = felt.cue or " ".join(last.split()[:6])
    return ([{"modality": "text", "description": words}] if words else []) + cues


# The last words of a text on one line, without marks that would end a quotation or begin a tag.
def _quotable(text: str) -> str:
    return " ".join(text.translate(_NO_QUOTES).split()[-_QUOTED_WORDS:]) if tokenise(plain(text)) else ""
