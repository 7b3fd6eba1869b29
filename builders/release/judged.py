"""The rules on what judges said, by layout: a pair says of itself that it was found worse, and by whom."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import PAIR_CONFIGS, Config
from .broken import Mask, Rules
from .reasoned import REASONING_RULES


def _errors_disagree(batch: pa.RecordBatch) -> pa.Array:
    """A judged pair whose error is not the rejected verdict's."""
    verdict = batch.column("rejected_verdict")
    differs = pc.not_equal(pc.struct_field(verdict, "error"), batch.column("rejected_error")).fill_null(True)
    return pc.and_(verdict.is_valid(), differs)


def _chosen_has_error(batch: pa.RecordBatch) -> pa.Array:
    return pc.struct_field(batch.column("chosen_verdict"), "error").is_valid()


def _lacks_orders(batch: pa.RecordBatch) -> pa.Array:
    """Pairs whose judges did not each answer to both orders."""
    first = _times(batch, pc.equal(_answers(batch, "order"), "chosen_first"))
    second = _times(batch, pc.equal(_answers(batch, "order"), "rejected_first"))
    judges = np.asarray(_panel(batch, "judges"))
    return pa.array((first != judges) | (second != judges) | (judges == 0))


def _lacks_majority(batch: pa.RecordBatch) -> pa.Array:
    return pc.less_equal(pc.multiply(_panel(batch, "votes"), 2), _panel(batch, "judges"))


def _numbers_disagree(batch: pa.RecordBatch) -> pa.Array:
    """Panels whose votes, margin or confidence are not what their answers come to."""
    votes, judges = (np.asarray(_panel(batch, name), dtype=np.float64) for name in ("votes", "judges"))
    margin = np.round((2 * votes - judges) / np.maximum(judges, 1), 4)
    told = np.asarray(_lacks_majority(batch).fill_null(True)) | np.asarray(_lacks_orders(batch))
    miscounted = (votes != _counted_votes(batch)) & ~told
    due = pc.list_value_length(batch.column("judgements"))
    errors = batch.column("rejected_error").take(_parents(batch))
    agrees = pc.and_(
        pc.and_(pc.equal(_answers(batch, "better"), "chosen"), _answers(batch, "chosen_error").is_null()),
        pc.equal(_answers(batch, "rejected_error"), errors),
    )
    confidence = np.round((_times(batch, agrees) + 1) / (np.asarray(due) + 2), 4)
    wrong = np.abs(margin - np.asarray(_panel(batch, "margin"))) > 1e-4
    return pa.array(wrong | miscounted | (np.abs(confidence - np.asarray(_panel(batch, "confidence"))) > 1e-4))


def _counted_votes(batch: pa.RecordBatch) -> np.ndarray:
    """How many judges find the rejected side worse in both orders; those of the other order are a row's second half."""
    worse = pc.and_(
        pc.and_(pc.equal(_answers(batch, "better"), "chosen"), _answers(batch, "chosen_error").is_null()),
        _answers(batch, "rejected_error").is_valid(),
    )
    found = np.append(np.asarray(pc.fill_null(worse, False)), False)
    lengths = np.asarray(pc.list_value_length(batch.column("judgements")))
    halves = lengths // 2
    starts = np.cumsum(lengths) - lengths
    rows = np.repeat(np.arange(batch.num_rows), halves)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(halves) - halves, halves)
    first = starts[rows] + place
    both = found[first] & found[first + halves[rows]]
    return np.bincount(rows[both], minlength=batch.num_rows)


def _error_of_none(batch: pa.RecordBatch) -> pa.Array:
    """Pairs whose error no judge named."""
    errors = batch.column("rejected_error").take(_parents(batch))
    return pa.array(_times(batch, pc.equal(_answers(batch, "rejected_error"), errors)) == 0)


def _panel(batch: pa.RecordBatch, field: str) -> pa.Array:
    return pc.struct_field(batch.column("panel"), field)


def _answers(batch: pa.RecordBatch, field: str) -> pa.Array:
    return pc.struct_field(batch.column("judgements").flatten(), field)


def _parents(batch: pa.RecordBatch) -> pa.Array:
    return pc.list_parent_indices(batch.column("judgements"))


def _times(batch: pa.RecordBatch, mask: pa.Array) -> np.ndarray:
    """How many of each row's answers a mask over all answers holds for."""
    parents = np.asarray(_parents(batch))[np.asarray(pc.fill_null(mask, False))]
    return np.bincount(parents, minlength=batch.num_rows)


def _of_pairs(*rules: tuple[str, Mask]) -> Mapping[Config, Rules]:
    return dict.fromkeys(PAIR_CONFIGS, tuple(("verdict", detail, mask) for detail, mask in rules))


_COMPARED = _of_pairs(
    ("not every judge answered to both orders", _lacks_orders),
    ("no majority of the judges finds the rejected side worse", _lacks_majority),
    ("rejected_error is one that no judge named", _error_of_none),
    ("votes, margin or confidence are not what the judgements come to", _numbers_disagree),
)

LAYOUT_RULES: Mapping[int, Mapping[Config, Rules]] = {
    1: _of_pairs(
        ("rejected_error is not the judge's", _errors_disagree),
        ("the judge found an error in the chosen side", _chosen_has_error),
    ),
    2: _COMPARED,
    3: {**_COMPARED, **REASONING_RULES},
    4: {**_COMPARED, **REASONING_RULES},
}
"""The rules of each layout by config."""
