"""What is kept in memory of pairs that are held back: forty bytes each, whatever their words."""

from array import array
from dataclasses import dataclass

import numpy as np

from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.strategy import Strategy
from .balance import Duel

_STRATEGIES = tuple(Strategy)
_CONFIGS = tuple(PAIR_CONFIGS)
_SPLITS = (Split.TEST, Split.VALIDATION, Split.TRAIN)
"""Of two near-duplicates the one that is held out stays, so that what is measured on does not shrink."""
_HALF = 2**64 - 1


@dataclass(frozen=True)
class PairTable:
    """Pairs as columns, in the order in which they came."""

    lines: np.ndarray
    """Which held row each is."""
    configs: np.ndarray
    chosen: np.ndarray
    """Number of the chosen strategy."""
    rejected: np.ndarray
    splits: np.ndarray
    """0 for the most held-out split."""
    ranks: np.ndarray
    """The halves of their row ids as numbers, a row each: digests, so as good a draw as any."""

    def of(self, config: Config) -> np.ndarray:
        """Which pairs are of a config."""
        return np.asarray(self.configs == _CONFIGS.index(config))

    def by_rank(self, places: np.ndarray) -> np.ndarray:
        """These places, the pair with the lowest row id first."""
        return places[np.lexsort((self.ranks[places, 1], self.ranks[places, 0]))]

    def row_id(self, place: int) -> str:
        """The row id of a pair."""
        high, low = self.ranks[place].tolist()
        return f"{high:016x}{low:016x}"

    def duels(self, places: np.ndarray) -> np.ndarray:
        """Both strategies of each as one number; see `duel_of`."""
        return np.asarray(self.chosen[places].astype(np.int64) * len(_STRATEGIES) + self.rejected[places])


def strategy_of(number: int) -> Strategy:
    """The strategy with a number."""
    return _STRATEGIES[number]


def duel_of(number: int) -> Duel:
    """The strategies behind a number of `PairTable.duels`."""
    chosen, rejected = divmod(number, len(_STRATEGIES))
    return _STRATEGIES[chosen], _STRATEGIES[rejected]


class HeldPairs:
    """Takes in pairs one by one."""

    def __init__(self) -> None:
        self._lines, self._ranks = array("q"), array("Q")
        self._small = array("B")

    def add(self, line: int, config: Config, duel: Duel, split: Split, row_id: str) -> None:
        """Takes in the next pair; `line` says which held row it is."""
        rank = int(row_id, 16)
        self._lines.append(line)
        self._ranks.extend((rank >> 64, rank & _HALF))
        chosen, rejected = (_STRATEGIES.index(strategy) for strategy in duel)
        self._small.extend((_CONFIGS.index(config), chosen, rejected, _SPLITS.index(split)))

    def table(self) -> PairTable:
        """All of them; nothing may be added as long as it is used."""
        small = np.frombuffer(self._small, dtype=np.uint8).reshape(-1, 4)
        ranks = np.frombuffer(self._ranks, dtype=np.uint64).reshape(-1, 2)
        configs, chosen, rejected, splits = small.T
        return PairTable(np.frombuffer(self._lines, dtype=np.int64), configs, chosen, rejected, splits, ranks)
