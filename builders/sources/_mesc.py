"""MESC (arXiv 2408.03650) and what is written like it: ESConv's form, with an emotion and cues at every turn.

As published, a turn's `text` is what was said, and behind it what a model saw in the video, in sentences that begin
with "The speaker". These are taken apart: the words stay words, the rest becomes a cue of the face. A turn may also
carry `audio` (or `voice`) and `video` (or `face`) as texts of their own. Which of the eight strategies each of its ten
is, is our own choice: what has no counterpart is Others. Emotions of turns are not kept, only the seeker's commonest.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...schemas.dialogue import Speaker, Turn
from ...schemas.strategy import Strategy
from ._esconv import FIELDS, spoken_turns
from .base import Format, Record, make_turn, named_strategy

# MESC appends a description of the video to a turn; the descriptions begin with these words.
_SEEN = re.compile(r"(?:^|(?<=\s))The (?:speaker|man|woman|person)\b")
_CUES = (("voice", ("audio", "voice")), ("face", ("video", "face")))

# Its strategies that have other names than ours; the others go by the names that are understood everywhere.
_STRATEGIES = {
    "open question": Strategy.QUESTION,
    "open questions": Strategy.QUESTION,
    "advisement": Strategy.SUGGESTIONS,
    "interpretation": Strategy.OTHERS,
    "communication skills": Strategy.OTHERS,
    "structuring the therapy": Strategy.OTHERS,
    "guiding the pace and depth of the conversation": Strategy.OTHERS,
}


# Whether the turns of a record in ESConv's form carry emotions.
def _has_emotions(record: Mapping[str, Any]) -> bool:
    turns = record.get("dialog")
    return isinstance(turns, list) and bool(turns) and isinstance(turns[0], Mapping) and "emotion" in turns[0]


# The name of a strategy as we have it; anything else as it is.
def _strategy_name(name: Any) -> Any:
    found = _STRATEGIES.get(" ".join(name.casefold().split())) if isinstance(name, str) else None
    return name if found is None else found.value


# What was said in a turn, and what was seen and heard; the words are empty where nothing was said.
def _words_and_cues(said: Mapping[str, Any], text: str) -> tuple[str, tuple[dict[str, str], ...]]:
    seen = _SEEN.search(text)
    words, rest = (text[: seen.start()], text[seen.start() :]) if seen else (text, "")
    told = [("face", rest)] + [(modality, said[key]) for modality, keys in _CUES for key in keys if key in said]
    cues = (
        {"modality": modality, "description": " ".join(cue.split())}
        for modality, cue in told
        if isinstance(cue, str) and cue.strip()
    )
    return words.strip(), tuple(cues)


# The record's own emotion, or else the one that most of the seeker's turns carry; of equals, the first.
def _commonest_emotion(record: Mapping[str, Any], seekers: Iterator[Mapping[str, Any]]) -> str | None:
    if record.get("emotion_type"):
        return str(record["emotion_type"])
    named = Counter(str(turn["emotion"]) for turn in seekers if turn.get("emotion"))
    return named.most_common(1)[0][0] if named else None


def _turns(record: Record) -> Iterator[Turn]:
    for index, (said, speaker, text) in spoken_turns(record):
        words, cues = _words_and_cues(said, text)
        if not words:
            continue
        if speaker is Speaker.SUPPORTER:
            strategy = named_strategy(_strategy_name(said.get("strategy")), index)
            yield make_turn({"speaker": speaker, "text": words, "strategy": strategy}, index)
        else:
            yield make_turn({"speaker": speaker, "text": words, "cues": cues}, index)


def _complete(record: Record) -> Record:
    seekers = (said for _, (said, speaker, _) in spoken_turns(record) if speaker is Speaker.SEEKER)
    return {**record, "emotion_type": _commonest_emotion(record, seekers)}


# Before ESConv, whose form fits its records too.
FORMAT = Format(
    "mesc", "ESConv's with an `emotion` at every turn (MESC)", _has_emotions, _turns, FIELDS, _complete, order=0
)
