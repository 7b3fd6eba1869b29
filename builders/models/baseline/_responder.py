"""The embedded responder: a real human reply of the same strategy from another dialogue.

So a hard negative: fluent, human, right in its strategy, given after similar words, and not about this person.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ....schemas.dialogue import Dialogue, Speaker, Turn
from ....schemas.strategy import Strategy
from ....schemas.text import normalise_text
from ._words import Floats, Ints, Tfidf
from .text import opening, sentences, tokenise, view_history

# The candidates of a draw; each of the lanes below has four of them.
_NEAREST = 20
_LANES = 5
# Characters by which two copies of a dialogue are recognised.
_OPENING = 200
# Shorter sentences, such as "I see", repeat without being copied.
_TELLING = 8
# So large that a bare reply comes after all others.
_BARE_PENALTY = 10.0
_BARE = frozenset(
    """hi hello hey there good morning afternoon evening day night bye goodbye take care thanks thank you so much very
    welcome are you're ok okay yes no sure well great nice how today doing i i'm am fine to meet have a an the
    and too as your yeah yep oh hope all best same likewise for chatting chat talk talking with me ? !""".split()
)
# Words of the crowd task that the corpora were made in; a reply with one of them says nothing about the seeker.
_TASK = frozenset("survey quit mturk turker hit task button click finish finished logged hits bot requester".split())


@dataclass(frozen=True, eq=False, repr=False)
class ReplyIndex:
    """All replies of one strategy, with an index of the words that they answered."""

    texts: tuple[str, ...]
    """The replies, each once a dialogue, in the order of the training dialogues."""
    dialogues: Ints
    """Number of the dialogue of each."""
    bare: Floats
    """What each loses in rank: only greetings, thanks and task talk lose anything."""
    postings: dict[int, tuple[Ints, Floats]]
    """By term: the replies that were given after it, and its weight there."""

    def rank(self, terms: Ints, weights: Floats) -> Ints:
        """Every reply's number, the nearest in context first."""
        nearness = -self.bare
        for term, weight in zip(terms.tolist(), weights.tolist(), strict=True):
            if term in self.postings:
                replies, weighed = self.postings[term]
                nearness[replies] += weight * weighed
        return np.argsort(-nearness, kind="stable")


@dataclass(frozen=True, eq=False, repr=False)
class Responder:
    """Retrieves replies of the training dialogues."""

    context: Tfidf
    """Weighs what the seeker said last."""
    shelves: dict[Strategy, ReplyIndex]
    """By strategy; one that the training dialogues do not hold has none."""
    openings: tuple[str, ...]
    """The beginning of each training dialogue."""
    spoken: tuple[frozenset[str], ...]
    """What the supporter of each says, normalised: some say the same in two dialogues."""
    tellers: dict[tuple[str, ...], frozenset[int]]
    """The dialogues in which a seeker said a sentence, by the sentence; of sentences long enough to tell a dialogue."""

    def reply(self, history: Sequence[Turn], strategy: Strategy, draw: int, rng: np.random.Generator | None) -> str:
        """A reply near to this context and never of this dialogue; empty where there is none.

        Without `rng`, the nearest. The nearest are dealt to `_LANES` lanes, and each draw has its own: so many differ.
        """
        near = list(self._nearest(history, strategy))
        if not near:
            return ""
        lanes = min(_LANES, len(near))
        lane = near[draw % lanes :: lanes]
        return lane[0 if rng is None else int(rng.random() * len(lane))]

    def _nearest(self, history: Sequence[Turn], strategy: Strategy) -> Iterator[str]:
        shelf = self.shelves.get(strategy)
        if shelf is None:
            return
        view = view_history(history)
        barred = self.same_dialogue(history)
        said = {_normal(text) for text in view.supporter}.union(*(self.spoken[number] for number in barred))
        query = self.context.weigh(view.last_seeker)
        found = 0
        for number in shelf.rank(query.terms, query.weights).tolist():
            text = shelf.texts[number]
            if shelf.dialogues[number] in barred or (words := _normal(text)) in said:
                continue
            said.add(words)
            yield text
            found += 1
            if found == _NEAREST:
                return

    def same_dialogue(self, history: Sequence[Turn]) -> frozenset[int]:
        """The training dialogues that the history may belong to: they begin alike, or share a telling sentence."""
        begins = opening(history, _OPENING)
        alike = {number for number, other in enumerate(self.openings) if other.startswith(begins)}
        told = _telling_sentences(history)
        return frozenset(alike.union(*(self.tellers.get(sentence, frozenset()) for sentence in told)))


def fit_responder(dialogues: Sequence[Dialogue]) -> Responder:
    """The responder over every supporter turn of `dialogues` that answers a seeker."""
    found: dict[Strategy, list[tuple[str, int, str]]] = defaultdict(list)
    tellers: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, dialogue in enumerate(dialogues):
        for sentence in _telling_sentences(dialogue.turns):
            tellers[sentence].add(number)
        for index, turn in enumerate(dialogue.turns):
            if turn.strategy is not None and (asked := view_history(dialogue.turns[:index]).last_seeker):
                found[turn.strategy].append((turn.text, number, asked))
    context = Tfidf.fit((asked for replies in found.values() for *_, asked in replies), min_count=2)
    return Responder(
        context=context,
        shelves={strategy: _shelve(replies, context) for strategy, replies in found.items()},
        openings=tuple(opening(dialogue.turns, _OPENING) for dialogue in dialogues),
        spoken=tuple(frozenset(normalise_text(turn.text) for turn in one.turns if turn.strategy) for one in dialogues),
        tellers={sentence: frozenset(numbers) for sentence, numbers in tellers.items()},
    )


def _shelve(replies: list[tuple[str, int, str]], context: Tfidf) -> ReplyIndex:
    postings: dict[int, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    for number, (_, _, asked) in enumerate(replies):
        weighed = context.weigh(asked)
        for term, weight in zip(weighed.terms.tolist(), weighed.weights.tolist(), strict=True):
            postings[term][0].append(number)
            postings[term][1].append(weight)
    return ReplyIndex(
        texts=tuple(text for text, *_ in replies),
        dialogues=np.array([number for _, number, _ in replies], dtype=np.intp),
        bare=np.array([_BARE_PENALTY * _is_bare(text) for text, *_ in replies], dtype=np.float64),
        postings={
            term: (np.array(where, dtype=np.intp), np.array(weights)) for term, (where, weights) in postings.items()
        },
    )


# Whether a reply says too little to be a negative worth learning from.
def _is_bare(text: str) -> bool:
    words = tokenise(text)
    return sum(word not in _BARE for word in words) < 2 or not _TASK.isdisjoint(words)


# The seeker's sentences that are long enough to be said only once.
def _telling_sentences(turns: Sequence[Turn]) -> set[tuple[str, ...]]:
    said = (turn.text for turn in turns if turn.speaker is Speaker.SEEKER)
    return {sentence for text in said for sentence in _long_sentences(text)}


@lru_cache(maxsize=8192)  # every turn stands in the histories of all turns after it
def _long_sentences(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(sentence for sentence in sentences(text) if len(sentence) >= _TELLING)


@lru_cache(maxsize=8192)
def _normal(text: str) -> str:
    return normalise_text(text)
