"""Invented dialogues for tests: builders of turns, dialogues and places, and hypothesis strategies for them."""

from collections.abc import Iterable

from hypothesis import strategies as st

from ipm_prefdial.builders.mining.turns import PlacedDialogue, SupporterTurn, supporter_turns
from ipm_prefdial.schemas.dialogue import Cue, Dialogue, Speaker, Split, Turn
from ipm_prefdial.schemas.strategy import Strategy


def seeker(text: str, *cues: Cue) -> Turn:
    """A seeker turn."""
    return Turn(speaker=Speaker.SEEKER, text=text, cues=cues)


def supporter(text: str, strategy: Strategy = Strategy.QUESTION) -> Turn:
    """A supporter turn."""
    return Turn(speaker=Speaker.SUPPORTER, text=text, strategy=strategy)


def dialogue(
    *turns: Turn, source: str = "invented", license_id: str = "cc-by-4.0", split: Split | None = None
) -> Dialogue:
    """A dialogue of these turns; of a short one of its own where none are given."""
    return Dialogue(source=source, license=license_id, split=split, turns=turns or SHORT_TURNS)


def placed(*turns: Turn, position: int = 0, split: Split = Split.TRAIN) -> PlacedDialogue:
    """A dialogue of these turns at a place of a release."""
    return PlacedDialogue(dialogue(*turns), position, split)


def supporter_turn(*turns: Turn, at: int = -1) -> SupporterTurn:
    """One supporter turn of such a dialogue, by its number among the supporter turns; the last where none is given."""
    return list(supporter_turns(placed(*turns)))[at]


SHORT_TURNS = (
    seeker("The last bus left without me, and I walked home in the hail."),
    supporter("Where did the hail catch you?", Strategy.QUESTION),
    seeker("On the bridge, with nobody around."),
    supporter("Alone on that bridge, you must have felt forgotten.", Strategy.REFLECTION),
)
"""A short dialogue: two supporter turns, a question and a reflection."""


def spoken(turns: Iterable[Turn]) -> list[tuple[str, str]]:
    """Who says what, in order, without strategies and cues."""
    return [(turn.speaker.value, turn.text) for turn in turns]


texts = st.text(min_size=1, max_size=60).filter(lambda text: text.strip() != "")
"""Any words that a turn can hold."""

words = st.lists(
    st.sampled_from("kiln tram hail lead bench $price {coin} Garden oven ñandú".split()), min_size=1, max_size=8
).map(" ".join)
"""Short plain sentences of invented words, some of them with braces and dollar signs."""

strategies = st.sampled_from(Strategy)
"""One of the eight."""

cues = st.builds(Cue, modality=st.sampled_from(["text", "voice", "face"]), description=words)
"""A sign of a seeker turn."""


def seeker_turns(said: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Turn]:
    """Seeker turns, with or without cues."""
    return st.builds(
        Turn, speaker=st.just(Speaker.SEEKER), text=said, cues=st.lists(cues, max_size=2).map(tuple), strategy=st.none()
    )


def helper_turns(said: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Turn]:
    """Supporter turns."""
    return st.builds(Turn, speaker=st.just(Speaker.SUPPORTER), text=said, strategy=strategies)


def histories(said: st.SearchStrategy[str] = texts, max_size: int = 8) -> st.SearchStrategy[tuple[Turn, ...]]:
    """What may stand before a reply: any turns in any order, none included."""
    return st.lists(st.one_of(seeker_turns(said), helper_turns(said)), max_size=max_size).map(tuple)


def dialogues(said: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Dialogue]:
    """Dialogues of one turn or more, in any order of speakers, with at least one supporter turn."""
    before, last = histories(said, max_size=6), helper_turns(said)
    return st.builds(lambda turns, end: dialogue(*turns, end), before, last)
