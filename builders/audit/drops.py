"""Dropped candidates as measures read them: config by config, with the inferred strategy read again."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...prompts.parsers.strategy import JointReply, read_joint, read_strategy
from ...prompts.parsers.thinking import without_thinking
from ...schemas.config import Config
from ...schemas.drops import NEVER_A_PAIR
from ...schemas.verdict import Unparsed
from ..release.seen import digests
from ..statistics.bootstrap import weights_of
from .batch import Table


@dataclass(frozen=True)
class Drops:
    """Dropped candidates of one config."""

    config: str
    rows: Table

    @property
    def size(self) -> int:
        """Rows."""
        return int(self.rows.rows.num_rows)

    @cached_property
    def reasons(self) -> pa.Array:
        """Why each was dropped."""
        return pc.fill_null(self.rows.texts("reason"), "")

    @cached_property
    def chosen_strategy(self) -> pa.Array:
        """The human's."""
        return self.rows.texts("strategy")

    @cached_property
    def rejected_strategy(self) -> pa.Array:
        """The inferred one, as the raw reply names it: null where it names none."""
        if self.config == Config.RESPONSE:
            return self.chosen_strategy
        codes = pc.dictionary_encode(self.rows.texts("reply"))
        names = [_named(text, self.config) for text in codes.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(codes.indices)

    @cached_property
    def by_filter(self) -> np.ndarray:
        """Those that were whole pairs and were not chosen."""
        out = pc.is_in(self.reasons, value_set=pa.array([reason.value for reason in NEVER_A_PAIR]))
        return ~np.asarray(out)

    @cached_property
    def dialogues(self) -> np.ndarray:
        """Digests of the dialogues."""
        return digests(pc.fill_null(self.rows.texts("dialogue_id"), ""))

    @cached_property
    def weights(self) -> np.ndarray:
        """Bootstrap weights, see `bootstrap.weights_of`."""
        return weights_of(self.dialogues)


def drops_of(table: Table) -> Iterator[Drops]:
    """A batch of `dropped`, config by config."""
    configs = table.texts("config")
    for config in sorted(name for name in pc.unique(configs).to_pylist() if name is not None):
        rows = table.rows.filter(pc.equal(configs, config))
        yield Drops(config, Table(table.place, rows))


def _named(reply: str, config: str) -> str | None:
    read = (read_joint if config == Config.JOINT else read_strategy)(without_thinking(reply).strip())
    if isinstance(read, Unparsed):
        return None
    return read.strategy.value if isinstance(read, JointReply) else read.value
