"""What judges said of single sides, in one form, whatever the layout of the rows."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..mining.panel import NO_REPLY
from .batch import field_of

Side = Literal["human", "inferred"]
SIDES: tuple[Side, Side] = ("human", "inferred")


@dataclass(frozen=True)
class Verdicts:
    """Answers about one side of the rows of a batch; several a row where several judges or orders were asked."""

    rows: np.ndarray
    """The number of each answer's row in the batch."""
    error: pa.Array
    """The error found; null where none was, and where the answer could not be read."""
    parsed: np.ndarray
    """Answers that could be read."""
    raw: np.ndarray
    """Answers that came, read or not."""
    judges: pa.Array
    """Model and revision."""

    def answers(self) -> tuple[tuple[Literal["parsed", "unparsed", "failed"], np.ndarray], ...]:
        """What became of the answers, and of which."""
        return (
            ("parsed", self.parsed),
            ("unparsed", ~self.parsed & self.raw),
            ("failed", ~self.parsed & ~self.raw),
        )


def verdicts_of(side: Side, verdict: pa.Array | None, judgements: pa.Array | None) -> Verdicts | None:
    """The answers about a side, from the column of its verdicts or from that of all judgements; None without either."""
    if judgements is not None and pa.types.is_list(judgements.type):
        error = "chosen_error" if side == "human" else "rejected_error"
        return _read(judgements.flatten(), error, np.asarray(pc.list_parent_indices(judgements)))
    if verdict is None:
        return None
    there = np.flatnonzero(np.asarray(verdict.is_valid()))
    return _read(verdict.take(pa.array(there)), "error", there)


def _read(answers: pa.Array, field: str, rows: np.ndarray) -> Verdicts | None:
    problem = field_of(answers, "problem")
    if problem is not None and (none := np.asarray(pc.fill_null(pc.starts_with(problem, NO_REPLY), False))).any():
        # Such an answer was read: it says that a side is no reply at all, which is neither an error nor its absence.
        answers, rows = answers.filter(pa.array(~none)), rows[~none]
    names = (field, "rationale", "raw", "model", "revision")
    error, read, raw, model, revision = (field_of(answers, name) for name in names)
    if error is None or read is None or raw is None or model is None or revision is None:
        return None
    judges = pc.binary_join_element_wise(pc.fill_null(model, ""), pc.fill_null(revision, ""), "#")
    judges = pc.utf8_rtrim(judges, "#")
    return Verdicts(rows, error, np.asarray(read.is_valid()), np.asarray(raw.is_valid()), judges)
