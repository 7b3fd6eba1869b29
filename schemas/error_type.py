"""The psychological errors of the IPM paper (arXiv 2505.16995) and the names that judges give them."""

from enum import StrEnum

from .text import fold_label


class ErrorType(StrEnum):
    """A way in which a reply, or the choice of a strategy, fails the seeker."""

    LACK_OF_EMPATHY = "lack_of_empathy"
    """No answer to the feeling; changes the topic."""
    EARLY_EMOTION_SHIFT = "early_emotion_shift"
    """Advice or cheer before the feeling is acknowledged."""
    TEMPLATE_RESPONSE = "template_response"
    """Generic words that hold nothing of this person."""
    STRATEGY_MISMATCH = "strategy_mismatch"
    """A strategy that does not fit this moment."""
    EMOTION_MISREAD = "emotion_misread"
    """Answers another feeling than the one expressed."""


_ALIASES: dict[ErrorType, tuple[str, ...]] = {
    ErrorType.LACK_OF_EMPATHY: ("Lack of Empathetic Content", "No Empathy", "Empathy Lack"),
    ErrorType.EARLY_EMOTION_SHIFT: ("Premature Emotional Transition", "Early Shift", "Premature Emotion Shift"),
    ErrorType.TEMPLATE_RESPONSE: ("Repetitive or Template-like Response", "Template", "Templated Response"),
    ErrorType.STRATEGY_MISMATCH: ("Mismatched Strategy", "Mismatch"),
    ErrorType.EMOTION_MISREAD: ("Emotional Misunderstanding", "Misread Emotion", "Emotion Misunderstanding"),
}


_BY_NAME = {fold_label(name): error for error, names in _ALIASES.items() for name in (error.value, *names)}
_NO_ERROR = frozenset(fold_label(name) for name in ("", "none", "no error", "no", "N/A", "null", "not applicable"))


def parse_error_type(text: str) -> ErrorType | None:
    """The error that `text` names, through case, punctuation and aliases; None where it names none of the five."""
    return _BY_NAME.get(fold_label(text))


def says_no_error(text: str) -> bool:
    """Whether `text` is one of the ways in which judges write that they found no error."""
    return fold_label(text) in _NO_ERROR
