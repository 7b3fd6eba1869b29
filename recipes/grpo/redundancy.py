"""How much of its advantage a reply keeps where others say the same.

PEER (arXiv 2508.09521) weighs redundant outputs down, but its measure of similarity is not published: this one is our
own. Phrases are runs of three words, so that replies that merely share common words are not alike, and copies that
differ in a word nearly are. The weight is one over a soft count of those who say the same, so that copies share the
credit of one, down to a floor.

The weight is for advantages above 0 alone. Multiplied with rewards, as we did before, it puts one nonsense reply above
seven good ones that resemble each other: a reward says how good a reply is, and only the comparison within its group
says whether it is to be reinforced. An advantage of 0 or less is left as it is, since less of it would protect what
repeats.
"""

from collections.abc import Sequence

from ..metrics.words import Phrases, phrases_of


def likeness(one: Phrases, other: Phrases) -> float:
    """The Jaccard similarity of two texts by their phrases: 0 for none in common, 1 for the same ones."""
    return len(one & other) / len(one | other)


def redundancy_weights(replies: Sequence[str], said_before: Sequence[str] = ()) -> list[float]:
    """What each reply of a group counts for: above 0 up to 1, and 1 for one that shares no phrase with anything.

    With the Jaccard similarity `s` to every other reply of the group, and the share `r` of a reply's phrases that the
    supporter has used before, a reply weighs `1 / (1 + sum of s + r)`: each of `n` copies weighs `1 / n`.

    Args:
        replies: of one prompt.
        said_before: what the supporter said earlier in this dialogue.
    """
    group = [phrases_of(reply) for reply in replies]
    used: Phrases = frozenset().union(*(phrases_of(text) for text in said_before))
    weights = []
    for place, own in enumerate(group):
        alike = sum(likeness(own, other) for at, other in enumerate(group) if at != place)
        weights.append(1 / (1 + alike + len(own & used) / len(own)))
    return weights


def at_strength(weight: float, strength: float, floor: float = 0.0) -> float:
    """A weight as if similarity counted `strength` times as much, and never below `floor`.

    It is 1 at a strength of 0, and itself at one of 1 where it is above the floor.
    """
    return max(floor, 1 / (1 + strength * (1 / weight - 1)))
