"""The definitions of text, and of equal texts, for the whole package."""

import re
import unicodedata

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


def has_half_pair(text: str) -> bool:
    """Whether a text holds half a surrogate pair: JSON can say it, no UTF-8 file can hold it."""
    # Nearly all texts are ASCII, and asking that is many times cheaper than the search.
    return not text.isascii() and _HALF_PAIR.search(text) is not None


def mend_half_pairs(text: str) -> str:
    """The text with halves that belong together joined, and lone ones as U+FFFD."""
    if not has_half_pair(text):
        return text
    # UTF-16 is the one encoding in which the two halves of a pair are what they are in the text.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def normalise_text(text: str) -> str:
    """`text` with runs of white space as one space and case folded."""
    return re.sub(r"\s+", " ", text).strip().casefold()


def fold_label(text: str) -> str:
    """A label without case, punctuation and underscores: `"[Self-Disclosure]."` is `"self disclosure"`."""
    return re.sub(r"[\W_]+", " ", text).casefold().strip()


def words_of(text: str) -> list[str]:
    """The words of a text, case folded: what is left when punctuation and spacing do not count.

    Letters, digits and the marks that combine with them are words; so two texts with equal words say the same.
    """
    # Folded, not lowered: `ß` and `SS` are one word, as they are for a reader.
    folded = text.casefold()
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    # NFC first, since a source may spell `é` as one letter or as two, and both are the same word.
    kept = (letter if _is_of_a_word(letter) else " " for letter in unicodedata.normalize("NFC", folded))
    return "".join(kept).split()


def _is_of_a_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter).startswith("M")
