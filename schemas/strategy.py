"""The eight support strategies of ESConv (Liu et al. 2021, arXiv 2106.01144) and the names they go by."""

from enum import StrEnum

from .text import fold_label


class Strategy(StrEnum):
    """A support strategy; the value is the canonical ESConv name, the only spelling that a release contains."""

    QUESTION = "Question"
    RESTATEMENT = "Restatement or Paraphrasing"
    REFLECTION = "Reflection of feelings"
    SELF_DISCLOSURE = "Self-disclosure"
    AFFIRMATION = "Affirmation and Reassurance"
    SUGGESTIONS = "Providing Suggestions"
    INFORMATION = "Information"
    OTHERS = "Others"


# Spellings found in ESConv's raw annotations, in FailedESConv and in the replies of language models.
_ALIASES: dict[Strategy, tuple[str, ...]] = {
    Strategy.QUESTION: ("Questions", "Asking Questions", "Ask a Question"),
    Strategy.RESTATEMENT: (
        "Restatement", "Paraphrasing", "Paraphrase", "Restatement and Paraphrasing", "Restating or Paraphrasing",
    ),
    Strategy.REFLECTION: ("Reflection", "Reflection of Feeling", "Reflecting Feelings", "Reflective Statements"),
    Strategy.SELF_DISCLOSURE: ("Self disclosure", "Selfdisclosure", "Disclosure"),
    Strategy.AFFIRMATION: (
        "Affirmation", "Reassurance", "Affirmation or Reassurance", "Approval and Reassurance", "Approval",
    ),
    Strategy.SUGGESTIONS: (
        "Suggestion", "Suggestions", "Providing Suggestion", "Provide Suggestions", "Direct Guidance",
        "Providing Suggestions or Information",
    ),
    Strategy.INFORMATION: ("Providing Information", "Provide Information", "Giving Information"),
    Strategy.OTHERS: ("Other", "Other Strategies"),
}  # fmt: skip


def _folded(text: str) -> str:
    return fold_label(text.replace("&", " and "))


_BY_NAME = {_folded(name): strategy for strategy, names in _ALIASES.items() for name in (strategy.value, *names)}

STRATEGY_NAMES = tuple(name for strategy, names in _ALIASES.items() for name in (strategy.value, *names))
"""Every spelling that is understood, canonical names and aliases."""


def parse_strategy(text: str) -> Strategy | None:
    """The strategy that `text` names, whole, through case, punctuation, brackets and aliases; None for all else.

    Only a name is a name: a sentence that mentions a strategy, or two strategies, is None.
    """
    folded = _folded(text)
    return _BY_NAME.get(folded.removeprefix("strategy ").removesuffix(" strategy"))
