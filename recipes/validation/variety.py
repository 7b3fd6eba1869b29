"""How much of something the most frequent of it is: strategies in a table's column, answers of a system."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from ...builders.statistics.bootstrap import weights_of
from ...schemas.config import SFT_CONFIGS, Config
from ...schemas.measures import Interval
from ..data.release import PinnedRelease
from ..evaluate.predictions import Prediction
from ..metrics.measured import mean_of
from ..metrics.sample import REPLICATES, codes_of
from .tables import rows_of
from .verdicts import nothing

_COLUMNS = {
    **dict.fromkeys(SFT_CONFIGS, ("strategy",)),
    Config.STRATEGY: ("chosen_strategy", "rejected_strategy"),
    Config.RESPONSE: ("strategy",),
    Config.JOINT: ("chosen_strategy", "rejected_strategy"),
}
"""Where strategies stand."""


def largest_share(dialogues: Sequence[str], values: Sequence[Hashable]) -> Interval:
    """The share of the most frequent value, with its interval over dialogues; no value of nothing."""
    if not values:
        return nothing()
    (most, _), *_ = Counter(values).most_common(1)
    found = np.array([value == most for value in values])
    return mean_of(found, weights_of(codes_of(dialogues), REPLICATES)).interval


def largest_strategy(release: PinnedRelease) -> Interval:
    """The largest share that one strategy has in any column that holds strategies."""
    return largest([found for config in _COLUMNS for found in _shares(release, config)])


def _shares(release: PinnedRelease, config: Config) -> Iterator[Interval]:
    rows = list(rows_of(release, config, ("dialogue_id", *_COLUMNS[config])))
    for column in _COLUMNS[config]:
        yield largest_share([row["dialogue_id"] for row in rows], [row[column] for row in rows])


def largest_answer(predictions: Sequence[Prediction]) -> Interval:
    """The larger of two shares of a system: of its most frequent strategy, and of its most frequent reply.

    What names none of the eight counts by its own words: a planner that always says one invalid thing varies nothing.
    No value where no strategy is valid.
    """
    if not any(one.strategy is not None for one in predictions):
        return nothing()
    replies = [one for one in predictions if one.reply]
    return largest(
        [
            largest_share([one.dialogue_id for one in predictions], [_named(one) for one in predictions]),
            largest_share([one.dialogue_id for one in replies], [one.reply for one in replies]),
        ]
    )


def _named(one: Prediction) -> str:
    return (one.strategy or one.strategy_raw or "").strip()


def largest(shares: Sequence[Interval]) -> Interval:
    """The largest of several; no value where none has one."""
    told = [one for one in shares if one.value is not None]
    return max(told, key=lambda one: one.value or 0.0, default=nothing())
