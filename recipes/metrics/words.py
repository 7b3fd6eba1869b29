"""What counts as the words of a reply, for the metrics that bring no tokeniser of their own."""

from ...schemas.text import words_of

WORDS = "words: runs of letters and digits, case folded"
"""For descriptions."""


def tokens(text: str | None) -> list[str]:
    """The words of a reply; none of no reply."""
    return words_of(text or "")


def ngrams(words: list[str], order: int) -> list[tuple[str, ...]]:
    """Every run of `order` words, in order."""
    return [tuple(words[at : at + order]) for at in range(len(words) - order + 1)]


Phrases = frozenset[tuple[str, ...]]
"""The different runs of three words in a text."""


def phrases_of(text: str) -> Phrases:
    """The different runs of three words; of a shorter text the text as one, so that no text is without a phrase."""
    words = tokens(text)
    return frozenset(ngrams(words, 3)) or frozenset([tuple(words)])
