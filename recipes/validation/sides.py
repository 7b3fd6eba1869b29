"""Which side of every pair is what the human did: the check with the most power, since no model has to learn it.

A release says in `dialogues` what the human did at every turn. In a sound one that is the chosen side of every pair,
so a swapped pair is found one by one, at any scale, and whatever models would learn of it. A pair whose chosen side
was rewritten, or which is about no human turn, has no such anchor, and is told by neither side.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...builders.statistics.bootstrap import weights_of
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.measures import Interval
from ...schemas.text import normalise_text
from ..data.release import PinnedRelease
from ..metrics.measured import mean_of
from ..metrics.sample import REPLICATES, codes_of
from .tables import Place, answer_of, rows_of
from .verdicts import nothing


@dataclass(frozen=True)
class Human:
    """What the human did at a turn."""

    strategy: str
    text: str

    @property
    def joint(self) -> str:
        """As the joint model says it."""
        return f"[{self.strategy}] {self.text}"


_DID: Mapping[Config, Callable[[Human], str]] = {
    Config.STRATEGY: lambda human: human.strategy,
    Config.RESPONSE: lambda human: human.text,
    Config.JOINT: lambda human: human.joint,
}
"""What a side of a config holds, of a human turn."""


@dataclass(frozen=True)
class Sides:
    """What was found of one config."""

    config: Config
    pairs: int
    swapped: Interval
    """Share whose rejected side is the human's; `n` counts the pairs with a side that is."""


def human_turns(release: PinnedRelease) -> dict[Place, Human]:
    """What humans did, by dialogue and turn; of dialogues that are withheld, nothing."""
    return {
        (row["dialogue_id"], index): Human(turn["strategy"], turn["text"])
        for row in rows_of(release, Config.DIALOGUES, ("dialogue_id", "turns"))
        for index, turn in enumerate(row["turns"] or ())
        if turn["strategy"] is not None
    }


def look_at_sides(release: PinnedRelease, human: Mapping[Place, Human]) -> tuple[Sides, ...]:
    """Every preference config."""
    return tuple(_look(release, config, human) for config in PAIR_CONFIGS)


def _look(release: PinnedRelease, config: Config, human: Mapping[Place, Human]) -> Sides:
    pairs, anchored = 0, list[tuple[str, bool]]()
    for row in rows_of(release, config, ("dialogue_id", "turn", "chosen", "rejected")):
        pairs += 1
        swapped = _is_swapped(row, config, human)
        if swapped is not None:
            anchored.append((row["dialogue_id"], swapped))
    if not anchored:
        return Sides(config, pairs, nothing())
    weights = weights_of(codes_of(name for name, _ in anchored), REPLICATES)
    return Sides(config, pairs, mean_of(np.array([swapped for _, swapped in anchored]), weights).interval)


def _is_swapped(row: dict[str, Any], config: Config, human: Mapping[Place, Human]) -> bool | None:
    """Whether the rejected side is the human's and the chosen one is not; None where neither is."""
    did = human.get((row["dialogue_id"], row["turn"]))
    if did is None:
        return None
    due = normalise_text(_DID[config](did))
    chosen, rejected = (normalise_text(answer_of(row[side])) == due for side in ("chosen", "rejected"))
    return None if chosen == rejected else rejected


def worst(found: tuple[Sides, ...]) -> Interval:
    """The largest share of swapped pairs of any config; no value where nothing has an anchor."""
    return max((one.swapped for one in found if one.swapped.value is not None), key=_value, default=nothing())


def _value(figure: Interval) -> float:
    return figure.value if figure.value is not None else float("-inf")


def anchored_share(found: tuple[Sides, ...]) -> float:
    """The smallest share of pairs, of any config, in which a side is the human's."""
    return min((one.swapped.n / one.pairs for one in found if one.pairs), default=0.0)


def told(found: tuple[Sides, ...]) -> Iterator[str]:
    """A line a config."""
    for one in found:
        value = "–" if one.swapped.value is None else f"{one.swapped.value:.3f}"
        yield f"{one.config}: {value} of {one.swapped.n} pairs with a human side swapped, of {one.pairs} pairs"
