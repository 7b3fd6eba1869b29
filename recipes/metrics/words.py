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
