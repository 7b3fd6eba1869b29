"""How close an inferred reply is to the human's, and the choice of the hardest one at a turn.

A model can tell a negative that differs in length or manner from the human's words without reading what they mean. So
of the negatives that are clearly worse, the closest stays. The three measures and their mean are our own design.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.rows.layout_2 import Closeness
from ...schemas.strategy import Strategy
from ...schemas.text import words_of
from .candidate import Candidate, Drop, Result
from .plan import MiningPlan

_MARKS = re.compile(r"[^\w\s]")
# Words of style rather than content (our own list, in the form of `words_of`).
_FUNCTION_WORDS = frozenset(
    """a about after all also am an and any are as at be because been but by can could did do does for from get had has
    have he her him his how i if in is it its just like me more my no not of on one or our out really she so some that
    the their them then there they this to up us very was we well were what when which who will with would you your
    s t m re ve ll d don""".split()
)


def closeness_of(chosen: str, rejected: str) -> Closeness:
    """How close two replies are; see the fields of `Closeness`."""
    one, other = words_of(chosen), words_of(rejected)
    return Closeness(
        length=round(min(len(one), len(other)) / max(len(one), len(other), 1), 4),
        style=round(_overlap(_style(one, chosen), _style(other, rejected)), 4),
        meaning=round(_cosine(_content(one), _content(other)), 4),
    )


def keep_hardest(results: Sequence[Result], plan: MiningPlan) -> list[Result]:
    """Of the candidates of one turn that are left, the hardest; the others are dropped.

    Of replies, the closest to the chosen side. Of strategies, the one that most candidates propose, the mistake that
    planners make most; of equals, the one that the panel is surest of, and then the first.
    """
    left = [_measured(result) for result in results if isinstance(result, Candidate)]
    if not left:
        return list(results)
    proposed = Counter(candidate.strategy for candidate in left)
    best = max(range(len(left)), key=lambda at: (*_hardness(left[at], proposed), -at))
    found = iter(range(len(left)))
    return [result if isinstance(result, Drop) else _settle(left, next(found), best) for result in results]


def _measured(candidate: Candidate) -> Candidate:
    if candidate.config is Config.STRATEGY or candidate.reply is None:
        return candidate
    return candidate.with_(closeness=closeness_of(candidate.chosen, candidate.reply))


def _hardness(candidate: Candidate, proposed: Mapping[Strategy | None, int]) -> tuple[float, float]:
    sure = candidate.panel.confidence if candidate.panel else 0.0
    if candidate.closeness is None:
        return proposed[candidate.strategy], sure
    return sum(candidate.closeness.model_dump().values()), sure


def _settle(left: Sequence[Candidate], at: int, best: int) -> Result:
    return left[at] if at == best else Drop(left[at], DropReason.EASIER_NEGATIVE)


def _style(words: Sequence[str], text: str) -> Counter[str]:
    return Counter([word for word in words if word in _FUNCTION_WORDS] + _MARKS.findall(text))


def _content(words: Sequence[str]) -> Counter[str]:
    return Counter(word for word in words if word not in _FUNCTION_WORDS)


# 1 less half the absolute difference of the shares; 1 where neither has any, 0 where only one has.
def _overlap(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return float(not one and not other)
    return sum(
        min(one[token] / one.total(), other[token] / other.total()) for token in sorted(one.keys() & other.keys())
    )


# The cosine of two counts; 0 where one has none.
def _cosine(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return 0.0
    dot = sum(one[word] * other[word] for word in one.keys() & other.keys())
    squares = [sum(count * count for count in counts.values()) for counts in (one, other)]
    return float(dot / (squares[0] * squares[1]) ** 0.5)
