"""The embedded reasoner: a stand-in that goes through the four steps by rule, and says only what can be shown.

The history is quoted, not understood: what the seeker said last, and what the supporter last asked. The emotion is one
that the lexicon finds in the seeker's words, drawn by how often it was named; neutral where it finds none. Both are
sometimes of an earlier moment. Strategy and reply are the embedded planner's and responder's, so the reply is a real
one from another dialogue and mostly not about this person: what it gives is labelled steps to build and test with, and
few demonstrations.
"""

from collections.abc import Sequence

import numpy as np

from ....schemas.base import canonical_json
from ....schemas.dialogue import Speaker, Turn
from ....schemas.emotion import Emotion
from ....schemas.inference import Request
from .emotions import Felt, feelings, latest_words
from .models import CorpusModels
from .planner import STRATEGIES
from .stems import plain, tokenise

_QUOTED_WORDS = 24
_LATEST = 0.6
"""How often a drawn trace looks at the seeker's last turn; else at an earlier one, and is then often wrong."""
_NO_QUOTES = str.maketrans({'"': None, "“": None, "”": None, "<": None, ">": None, ";": ","})


def reason(models: CorpusModels, request: Request, rng: np.random.Generator) -> str:
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


def _moment(history: Sequence[Turn], rng: np.random.Generator) -> Sequence[Turn]:
    """The history up to the end of one of the seeker's turns: mostly the last, and each before it less often."""
    ends = [at + 1 for at, turn in enumerate(history) if turn.speaker is Speaker.SEEKER]
    back = int(rng.geometric(_LATEST)) - 1
    return history[: ends[max(0, len(ends) - 1 - back)]] if ends else history


def _drawn(felt: Sequence[Felt], rng: np.random.Generator | None) -> Felt:
    """One of the feelings: the weightiest, or drawn by weight."""
    if not felt:
        return Felt(Emotion.NEUTRAL, 0.0, "", 1)
    if rng is None:
        return felt[0]
    mass = np.cumsum([one.weight for one in felt])
    drawn = int(np.searchsorted(mass, rng.random() * mass[-1], side="right"))
    return felt[min(drawn, len(felt) - 1)]


def _summary(history: Sequence[Turn], last: str) -> str:
    """What the seeker said last and what the supporter last asked, both in quotation marks."""
    asked = next((found for turn in reversed(history) if (found := _question(turn)) is not None), None)
    told = f'The seeker says: "{last}"' if last else "The seeker has told nothing yet."
    return f'{told} The supporter last asked: "{asked}"' if asked else f"{told} The supporter has asked nothing yet."


def _question(turn: Turn) -> str | None:
    """The last question of a supporter turn, or None."""
    if turn.speaker is not Speaker.SUPPORTER or "?" not in turn.text:
        return None
    before = turn.text[: turn.text.rindex("?")]
    start = max(before.rfind(mark) for mark in ".!?\n") + 1
    return _quotable(before[start:]) or None


def _cues(history: Sequence[Turn], felt: Felt, last: str) -> list[dict[str, str]]:
    """The seeker's own words, and what the latest turns hold of voice and face."""
    seen = [cue for turn in latest_words(history) for cue in turn.cues]
    cues = [{"modality": cue.modality, "description": _quotable(cue.description)} for cue in seen]
    words = felt.cue or " ".join(last.split()[:6])
    return ([{"modality": "text", "description": words}] if words else []) + cues


def _quotable(text: str) -> str:
    """The last words of a text on one line, without marks that would end a quotation or begin a tag."""
    return " ".join(text.translate(_NO_QUOTES).split()[-_QUOTED_WORDS:]) if tokenise(plain(text)) else ""
