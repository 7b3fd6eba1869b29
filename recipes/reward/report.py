"""The report of a reward model: its figures on held-out dialogues, beside scorers that do not read the dialogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field

from ...builders.statistics.bootstrap import interval, ratio, weighted_auc, weights_of
from ...schemas.base import Frozen
from ...schemas.dialogue import Split
from ...schemas.files import write_whole
from ...schemas.measures import Interval
from ...schemas.trace import Step
from ..data.fit import fit_rows
from ..data.release import PinnedRelease, SelectedData
from ..metrics.measured import mask_single_dialogue, mean_of
from ..runs.record import json_text
from ._baselines import BASELINES, LabelledExamples, Scores
from .model import RewardModel
from .rows import ANSWERS, encode, load_reward_rows, measure_traces, trace_ends

if TYPE_CHECKING:
    from datasets import Dataset

FILE_NAME = "reward.json"
PAGE_NAME = "reward.md"
MODEL = "this model"
"""The model's name among the scorers."""
# Ten bins of equal width, as usual for the expected calibration error (Naeini et al. 2015).
_BINS = 10
# A probability at most this far from 0 or 1 counts as this far, so that its log-odds are finite.
_NEVER = 1e-9


class StepMeasures(Frozen):
    """How well a scorer's probabilities separate right steps from wrong ones; 95 % intervals over dialogues."""

    scorer: str
    step: Step | Literal["all"]
    """One of the four steps, or all of them together."""
    steps: int = Field(ge=0)
    """Number of steps scored."""
    right: float | None
    """The share of them that are labelled right; null if there are none."""
    accuracy: Interval
    """Share of probabilities on the right side of one half."""
    auc: Interval
    """Probability that a right step scores above a wrong one; ties count half."""
    ece: Interval
    """Expected calibration error (Naeini et al. 2015) over ten bins of equal width, 0 to 1."""
    brier: Interval
    """Mean squared error of the probabilities, 0 to 1."""


class PairMeasures(Frozen):
    """How often a scorer puts the better trace of a pair first."""

    scorer: str
    accuracy: Interval
    """Share of pairs in order, ties count half; 95 %, over dialogues."""


class RewardReport(Frozen):
    split: Split
    """The held-out split of the release."""
    steps: tuple[StepMeasures, ...]
    """The model, then the baselines; for each, all steps together, then each step by itself."""
    pairs: tuple[PairMeasures, ...]
    """The same for pairs."""

    def results(self) -> dict[str, float]:
        """The model's own figures, by their names in `run.json`."""
        found: dict[str, float | None] = {}
        for one in self.steps:
            if one.scorer == MODEL and one.step == "all":
                parts = {"accuracy": one.accuracy, "auc": one.auc, "ece": one.ece, "brier": one.brier}
                found |= {f"{self.split}_step_{name}": part.value for name, part in parts.items()}
        for pair in self.pairs:
            if pair.scorer == MODEL:
                found[f"{self.split}_pair_accuracy"] = pair.accuracy.value
        return {name: value for name, value in found.items() if value is not None}


def report_on(
    model: RewardModel,
    data: SelectedData | PinnedRelease,
    training: "Dataset",
    *,
    max_length: int | None,
    split: Split = Split.TEST,
) -> RewardReport | None:
    """The report on a split that the model was not trained on; None if no row of that split fits.

    Args:
        model: the trained model.
        data: the data of its run.
        training: the rows that it was trained on; the baselines are fitted on them.
        max_length: maximum tokens of a row.
        split: the held-out split.
    """
    rows = load_reward_rows(data, split)
    if len(rows):
        rows, _ = fit_rows(rows, ANSWERS, measure_traces(model.tokenizer), max_length)
    if not len(rows):
        return None
    known, held_out = LabelledExamples.of(training), LabelledExamples.of(rows)
    baselines = {name: score(known, held_out) for name, score in BASELINES.items()}
    return make_report(split, held_out, {MODEL: score_rows(model, rows), **baselines})


def make_report(split: Split, examples: LabelledExamples, scores: Mapping[str, Scores]) -> RewardReport:
    """The report over the examples of a split, from the scores by scorer, the model first."""
    steps = [one for name, scored in scores.items() for one in _step_measures(name, examples, scored)]
    pairs = [PairMeasures(scorer=name, accuracy=_pair_accuracy(examples, scored)) for name, scored in scores.items()]
    return RewardReport(split=split, steps=tuple(steps), pairs=tuple(pairs))


def _step_measures(name: str, examples: LabelledExamples, scores: Scores) -> list[StepMeasures]:
    weights = weights_of(examples.step_dialogues)
    every = _measure(name, "all", examples.labels.ravel(), scores.steps.ravel(), np.repeat(weights, len(Step), axis=0))
    by_step = (
        _measure(name, step, examples.labels[:, at], scores.steps[:, at], weights)
        for at, step in enumerate(Step)
        if len(examples.labels)
    )
    return [every, *by_step]


def _measure(
    name: str, step: Step | Literal["all"], labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> StepMeasures:
    number = len(labels)
    auc = weighted_auc(probabilities, labels, weights) if number else np.full(weights.shape[1], np.nan)
    return StepMeasures(
        scorer=name,
        step=step,
        steps=number,
        right=round(float(labels.mean()), 6) if number else None,
        accuracy=mean_of((probabilities > 0.5) == (labels > 0), weights).interval,
        auc=interval(mask_single_dialogue(auc, weights), number),
        ece=interval(mask_single_dialogue(calibration_error(labels, probabilities, weights), weights), number),
        brier=mean_of((probabilities - labels) ** 2, weights).interval,
    )


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The expected calibration error under each column of weights: 0 to 1, NaN if all weights are 0.

    Args:
        labels: 0 or 1, one a row.
        probabilities: probabilities of label 1.
        weights: rows × columns.
    """
    bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros(weights.shape[1])
    for number in range(_BINS):
        inside = bins == number
        gaps += np.abs(weights[inside].T.astype(np.float64) @ (probabilities - labels)[inside])
    return ratio(gaps, weights.sum(axis=0, dtype=np.float64))


def _pair_accuracy(examples: LabelledExamples, scores: Scores) -> Interval:
    weights = weights_of(examples.pair_dialogues)
    in_order = np.sign(scores.pairs[:, 0] - scores.pairs[:, 1]) / 2 + 0.5
    return mean_of(in_order, weights).interval


def score_rows(model: RewardModel, rows: "Dataset") -> Scores:
    """The model's scores of rows, in the order of `LabelledExamples.of`."""
    labelled = [row for row in rows if row["labels"]]
    paired = [row for row in rows if not row["labels"]]
    steps = model.score_encoded(
        encode(model.tokenizer, [(row["prompt"], row["trace"][0]["content"], row["ends"]) for row in labelled])
    )
    sides = [(row["prompt"], text := row[name][0]["content"], trace_ends(text)) for row in paired for name in ANSWERS]
    pairs = np.array(model.score_encoded(encode(model.tokenizer, sides))).reshape(-1, 2, len(Step))
    return Scores(np.array(steps).reshape(-1, len(Step)), _log_odds(pairs).sum(axis=2))


# The inverse of the sigmoid, finite for 0 and 1 as well.
def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    inside = np.clip(probabilities, _NEVER, 1 - _NEVER)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def write_report(folder: Path, report: RewardReport) -> None:
    """Writes the report beside the checkpoint, as JSON and as Markdown."""
    write_whole(folder / FILE_NAME, json_text(report.model_dump(mode="json")))
    write_whole(folder / PAGE_NAME, render_report(report))


def render_report(report: RewardReport) -> str:
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["figure"] = _format_figure
    return environment.get_template("report.md.jinja").render(report=report)


def _format_figure(value: Interval | float | None) -> str:
    if isinstance(value, Interval):
        if value.value is None:
            return "–"
        bounds = "" if value.low is None or value.high is None else f" ({value.low:.3f} to {value.high:.3f})"
        return f"{value.value:.3f}{bounds}"
    return "–" if value is None else f"{value:.3f}"
