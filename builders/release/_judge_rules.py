"""The rules on what judges said, by layout: panels that compared the sides of a pair, and labels of reasoning traces.

Every rule is an Arrow computation over whole columns: a release has too many rows to be parsed one by one.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.trace import Step
from .findings import Mask, Rules

# The format of `prompts.parsers.trace` as a pattern, so that Arrow can parse whole columns.
_FORM = (
    r"^<history>\n(?s:.+)\n</history>\n"
    r"<emotion>\nemotion: (?P<emotion>[^\n]+)\nintensity: (?P<intensity>[1-5])\n"
    r"cause: [^\n]+\ncues: [^\n]+\n</emotion>\n"
    r"<strategy>\nstrategy: (?P<strategy>[^\n]+)\nwhy: [^\n]+\n</strategy>\n"
    r"<reply>\n(?s:.+)\n</reply>$"
)
_STEPS = len(Step)
_HUMANS = list(Step).index(Step.STRATEGY)
Texts = Callable[[pa.RecordBatch], pa.Array]


# The text of a column of single messages.
def _message(column: str) -> Texts:
    return lambda batch: pc.binary_join(
        pa.ListArray.from_arrays(batch.column(column).offsets, batch.column(column).values.field("content")), "\n"
    )


def _completions(batch: pa.RecordBatch) -> pa.Array:
    return pc.binary_join(batch.column("completions"), "\n")


# Texts that are not a trace, or that contradict their columns; `field=column` names the column of each field.
def _contradicts(texts: Texts, **columns: str) -> Mask:
    def mask(batch: pa.RecordBatch) -> pa.Array:
        found = pc.extract_regex(texts(batch), _FORM)
        wrong = pc.invert(found.is_valid())
        for field, column in columns.items():
            said = pc.cast(batch.column(column), pa.string())
            wrong = pc.or_(wrong, pc.not_equal(pc.struct_field(found, field), said).fill_null(True))
        return wrong

    return mask


def _no_weight(batch: pa.RecordBatch) -> pa.Array:
    weight = batch.column("weight")
    return pc.invert(pc.and_(pc.greater(weight, 0), pc.less_equal(weight, 1)))


def _not_four(batch: pa.RecordBatch) -> pa.Array:
    wrong = np.zeros(batch.num_rows, dtype=bool)
    for column in ("completions", "labels", "rationales", "panels"):
        wrong |= np.asarray(pc.list_value_length(batch.column(column))) != _STEPS
    return pa.array(wrong)


# Rows whose panels are not those of the four steps in order, or whose labels or rationales differ from them.
def _other_than_panels(batch: pa.RecordBatch) -> pa.Array:
    if np.asarray(_not_four(batch)).any():
        return pa.array(np.zeros(batch.num_rows, dtype=bool))  # already reported, and the columns do not line up
    panels = batch.column("panels").flatten()
    wrong = np.asarray(pc.struct_field(panels, "step")) != np.tile([step.value for step in Step], batch.num_rows)
    for column, field in (("labels", "label"), ("rationales", "rationale")):
        wrong |= np.asarray(pc.not_equal(batch.column(column).flatten(), pc.struct_field(panels, field)))
    return pa.array(wrong.reshape(-1, _STEPS).any(axis=1))


# Rows whose panels are not the result of the judgements, the human's choice and the rules.
def _other_than_votes(batch: pa.RecordBatch) -> pa.Array:
    if np.asarray(_not_four(batch)).any():
        return pa.array(np.zeros(batch.num_rows, dtype=bool))
    panels = batch.column("panels").flatten()
    number = {
        name: np.asarray(pc.struct_field(panels, name), dtype=np.float64).reshape(-1, _STEPS)
        for name in ("votes", "votes_for", "confidence", "label")
    }
    contradicted = np.asarray(pc.struct_field(panels, "rule").is_valid()).reshape(-1, _STEPS)
    votes, votes_for = _counted(batch)
    label = ~contradicted & (2 * votes_for > votes)
    # The confidence of a label is Laplace's rule of succession over the votes that agree with it.
    agreeing = np.where(label, votes_for, votes - votes_for)
    confidence = np.where(contradicted, 1.0, np.round((agreeing + 1) / (votes + 2), 4))
    wrong = (number["votes"] != votes) | (number["votes_for"] != votes_for) | (number["label"] != label)
    wrong |= np.abs(number["confidence"] - confidence) > 1e-4
    wrong |= ~contradicted & (2 * votes_for == votes)
    return pa.array(wrong.any(axis=1))


# Votes, and votes for "right", of every row and step.
#
# Each judgement with four labels votes on all steps (one with another number of labels cannot be assigned to steps);
# a human who chose the trace's strategy votes for the strategy step.
def _counted(batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    judgements = batch.column("judgements")
    parents = np.asarray(pc.list_parent_indices(judgements))
    labels = pc.struct_field(judgements.flatten(), "labels")
    whole = np.asarray(pc.list_value_length(labels)) == _STEPS
    said = np.asarray(labels.filter(pa.array(whole)).flatten(), dtype=np.float64).reshape(-1, _STEPS)
    votes, votes_for = np.zeros((batch.num_rows, _STEPS)), np.zeros((batch.num_rows, _STEPS))
    np.add.at(votes, parents[whole], 1)
    np.add.at(votes_for, parents[whole], said)
    human = np.asarray(pc.equal(batch.column("strategy"), batch.column("human_strategy")).fill_null(False))
    votes[human, _HUMANS] += 1
    votes_for[human, _HUMANS] += 1
    return votes, votes_for


# Pairs whose chosen side scores lower in some part, or not higher in the part that `differs` names.
def _no_difference(batch: pa.RecordBatch) -> pa.Array:
    differs = np.asarray(batch.column("differs"))
    wrong = np.zeros(batch.num_rows, dtype=bool)
    for part in ("process", "outcome"):
        chosen, rejected = (
            np.asarray(pc.struct_field(batch.column(f"{side}_score"), part)) for side in ("chosen", "rejected")
        )
        wrong |= chosen < rejected
        wrong |= np.isin(differs, [part, "both"]) & ~(chosen > rejected)
    return pa.array(wrong)


_WEIGHED = ("weight", "weight is not above 0 and at most 1", _no_weight)
REASONING_RULES: Mapping[Config, Rules] = {
    Config.REASONING: (
        (
            "trace",
            "completion is not a trace with its emotion, intensity and strategy",
            _contradicts(_message("completion"), emotion="emotion", intensity="intensity", strategy="strategy"),
        ),
        _WEIGHED,
    ),
    Config.REASONING_STEPS: (
        ("steps", "it does not have four completions, labels, rationales and panels", _not_four),
        (
            "trace",
            "completions are not a trace with its emotion and strategy",
            _contradicts(_completions, emotion="emotion", strategy="strategy"),
        ),
        ("steps", "labels or rationales are not those of its panels, step by step", _other_than_panels),
        ("steps", "panels are not the result of the judgements, the human's choice and the rules", _other_than_votes),
        _WEIGHED,
    ),
    Config.REASONING_PAIRS: (
        (
            "trace",
            "chosen is not a trace with chosen_strategy",
            _contradicts(_message("chosen"), strategy="chosen_strategy"),
        ),
        (
            "trace",
            "rejected is not a trace with rejected_strategy",
            _contradicts(_message("rejected"), strategy="rejected_strategy"),
        ),
        ("score", "the chosen trace is not better where the row says so, or is worse elsewhere", _no_difference),
        _WEIGHED,
    ),
}
"""The rules on traces by config; `rules` has those on messages and sides."""


# Judged pairs whose error is not the rejected verdict's.
def _errors_disagree(batch: pa.RecordBatch) -> pa.Array:
    verdict = batch.column("rejected_verdict")
    differs = pc.not_equal(pc.struct_field(verdict, "error"), batch.column("rejected_error")).fill_null(True)
    return pc.and_(verdict.is_valid(), differs)


def _chosen_has_error(batch: pa.RecordBatch) -> pa.Array:
    return pc.struct_field(batch.column("chosen_verdict"), "error").is_valid()


# Pairs that some judge did not answer in both orders.
def _lacks_orders(batch: pa.RecordBatch) -> pa.Array:
    first = _times(batch, pc.equal(_answers(batch, "order"), "chosen_first"))
    second = _times(batch, pc.equal(_answers(batch, "order"), "rejected_first"))
    judges = np.asarray(_panel(batch, "judges"))
    return pa.array((first != judges) | (second != judges) | (judges == 0))


def _lacks_majority(batch: pa.RecordBatch) -> pa.Array:
    return pc.less_equal(pc.multiply(_panel(batch, "votes"), 2), _panel(batch, "judges"))


# Panels whose votes, margin or confidence are not the result of their answers.
def _numbers_disagree(batch: pa.RecordBatch) -> pa.Array:
    votes, judges = (np.asarray(_panel(batch, name), dtype=np.float64) for name in ("votes", "judges"))
    margin = np.round((2 * votes - judges) / np.maximum(judges, 1), 4)
    # Rows without a majority or an order have a finding already, and their votes cannot be counted again.
    reported = np.asarray(_lacks_majority(batch).fill_null(True)) | np.asarray(_lacks_orders(batch))
    miscounted = (votes != _counted_votes(batch)) & ~reported
    due = pc.list_value_length(batch.column("judgements"))
    errors = batch.column("rejected_error").take(_parents(batch))
    agrees = pc.and_(
        pc.and_(pc.equal(_answers(batch, "better"), "chosen"), _answers(batch, "chosen_error").is_null()),
        pc.equal(_answers(batch, "rejected_error"), errors),
    )
    confidence = np.round((_times(batch, agrees) + 1) / (np.asarray(due) + 2), 4)
    wrong = np.abs(margin - np.asarray(_panel(batch, "margin"))) > 1e-4
    return pa.array(wrong | miscounted | (np.abs(confidence - np.asarray(_panel(batch, "confidence"))) > 1e-4))


# The number of judges who find the rejected side worse in both orders.
#
# A row lists the answers of all judges to one order, and then those of the same judges to the other.
def _counted_votes(batch: pa.RecordBatch) -> np.ndarray:
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


# Pairs whose error no judge named.
def _error_is_unnamed(batch: pa.RecordBatch) -> pa.Array:
    errors = batch.column("rejected_error").take(_parents(batch))
    return pa.array(_times(batch, pc.equal(_answers(batch, "rejected_error"), errors)) == 0)


def _panel(batch: pa.RecordBatch, field: str) -> pa.Array:
    return pc.struct_field(batch.column("panel"), field)


def _answers(batch: pa.RecordBatch, field: str) -> pa.Array:
    return pc.struct_field(batch.column("judgements").flatten(), field)


def _parents(batch: pa.RecordBatch) -> pa.Array:
    return pc.list_parent_indices(batch.column("judgements"))


# For each row, the number of its answers that a mask over all answers selects.
def _times(batch: pa.RecordBatch, mask: pa.Array) -> np.ndarray:
    parents = np.asarray(_parents(batch))[np.asarray(pc.fill_null(mask, False))]
    return np.bincount(parents, minlength=batch.num_rows)


def _of_pairs(*rules: tuple[str, Mask]) -> Mapping[Config, Rules]:
    return dict.fromkeys(PAIR_CONFIGS, tuple(("verdict", detail, mask) for detail, mask in rules))


_COMPARED = _of_pairs(
    ("a judge did not answer in both orders", _lacks_orders),
    ("no majority of the judges finds the rejected side worse", _lacks_majority),
    ("rejected_error is one that no judge named", _error_is_unnamed),
    ("votes, margin or confidence are not the result of the judgements", _numbers_disagree),
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
"""The rules by layout and config."""
