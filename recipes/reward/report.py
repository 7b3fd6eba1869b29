"""How a reward model fares on dialogues that it never saw, beside scorers that do not read them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
from ..data.release import SelectedData, PinnedRelease
from ..metrics.measured import mean_of, of_several
from ..runs.record import json_text
from .baselines import BASELINES, LabelledExamples, Scores
from .model import RewardModel
from .rows import ANSWERS, encode, load_reward_rows, measure_traces, trace_ends

if TYPE_CHECKING:
    from datasets import Dataset

FILE_NAME = "reward.json"
PAGE_NAME = "reward.md"
MODEL = "this model"
"""What the report calls the model among the scorers."""
_BINS = 10


class StepMeasures(Frozen):
    """How well a scorer's probabilities tell right steps from wrong ones; intervals over dialogues, 95 %."""

    scorer: str
    step: Step | Literal["all"]
    """The step that is looked at, or all four together."""
    steps: int = Field(ge=0)
    """Steps that were scored."""
    right: float | None
    """The share of them that are right; null where there are none."""
    accuracy: Interval
    """Share on the right side of one half."""
    auc: Interval
    """Probability that a right step scores above a wrong one; ties count half."""
    ece: Interval
    """Expected calibration error (Naeini et al. 2015): how far off probabilities are in ten equal bins, 0 to 1."""
    brier: Interval
    """Mean squared error of the probabilities, 0 to 1."""


class PairMeasures(Frozen):
    """How often a scorer puts the better trace of a pair first."""

    scorer: str
    accuracy: Interval
    """Share of pairs in order, ties count half; 95 %, over dialogues."""


class RewardReport(Frozen):
    """A reward model's report."""

    split: Split
    """The split of the release that is held out."""
    steps: tuple[StepMeasures, ...]
    """The model, then the baselines; of each all steps together, then each step by itself."""
    pairs: tuple[PairMeasures, ...]
    """The same of pairs."""

    def results(self) -> dict[str, float]:
        """The model's own figures, by the names that a run's record gives them."""
        found: dict[str, float | None] = {}
        for one in self.steps:
            if one.scorer == MODEL and one.step == "all":
                parts = {"accuracy": one.accuracy, "auc": one.auc, "ece": one.ece, "brier": one.brier}
                found |= {f"{self.split}_step_{name}": part.value for name, part in parts.items()}
        for pair in self.pairs:
            if pair.scorer == MODEL:
                found[f"{self.split}_pair_accuracy"] = pair.accuracy.value
        return {name: value for name, value in found.items() if value is not None}


def make_report(split: Split, judged: LabelledExamples, scores: Mapping[str, Scores]) -> RewardReport:
    """The report over held-out rows.

    Args:
        split: that they are of.
        judged: the rows.
        scores: what each scorer says of them, by its name, the model first.
    """
    steps = [one for name, said in scores.items() for one in _step_measures(name, judged, said)]
    pairs = [PairMeasures(scorer=name, accuracy=_pair_accuracy(judged, said)) for name, said in scores.items()]
    return RewardReport(split=split, steps=tuple(steps), pairs=tuple(pairs))


def _step_measures(name: str, judged: LabelledExamples, said: Scores) -> list[StepMeasures]:
    weights = weights_of(judged.step_dialogues)
    every = _measure(name, "all", judged.labels.ravel(), said.steps.ravel(), np.repeat(weights, len(Step), axis=0))
    by_step = (
        _measure(name, step, judged.labels[:, at], said.steps[:, at], weights)
        for at, step in enumerate(Step)
        if len(judged.labels)
    )
    return [every, *by_step]


def _measure(
    name: str, step: Step | Literal["all"], labels: np.ndarray, said: np.ndarray, weights: np.ndarray
) -> StepMeasures:
    number = len(labels)
    auc = weighted_auc(said, labels, weights) if number else np.full(weights.shape[1], np.nan)
    return StepMeasures(
        scorer=name,
        step=step,
        steps=number,
        right=round(float(labels.mean()), 6) if number else None,
        accuracy=mean_of((said > 0.5) == (labels > 0), weights).interval,
        auc=interval(of_several(auc, weights), number),
        ece=interval(of_several(calibration_error(labels, said, weights), weights), number),
        brier=mean_of((said - labels) ** 2, weights).interval,
    )


def calibration_error(labels: np.ndarray, said: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The expected calibration error under each column of weights: 0 to 1, not a number where nothing has a weight.

    Args:
        labels: 0 or 1, one a row.
        said: probabilities of label 1.
        weights: rows × columns.
    """
    bins = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros(weights.shape[1])
    for number in range(_BINS):
        inside = bins == number
        gaps += np.abs(weights[inside].T.astype(np.float64) @ (said - labels)[inside])
    return ratio(gaps, weights.sum(axis=0, dtype=np.float64))


def _pair_accuracy(judged: LabelledExamples, said: Scores) -> Interval:
    weights = weights_of(judged.pair_dialogues)
    in_order = np.sign(said.pairs[:, 0] - said.pairs[:, 1]) / 2 + 0.5
    return mean_of(in_order, weights).interval


# Makes the report of a trained reward model: scores the held-out rows by it and by the baselines, and writes both.


_NEVER = 1e-9
"""A probability that is taken for 0."""


def report_on(
    model: RewardModel,
    data: SelectedData | PinnedRelease,
    training: "Dataset",
    *,
    max_length: int | None,
    split: Split = Split.TEST,
) -> RewardReport | None:
    """How the model fares on a split that it was not trained on; None where that has no rows that fit.

    Args:
        model: that was trained.
        data: that it was trained on.
        training: the rows that it was trained on, which the baselines are fitted on.
        max_length: tokens of a row at most.
        split: that is held out.
    """
    rows = load_reward_rows(data, split)
    if len(rows):
        rows, _ = fit_rows(rows, ANSWERS, measure_traces(model.tokenizer), max_length)
    if not len(rows):
        return None
    known, judged = LabelledExamples.of(training), LabelledExamples.of(rows)
    by_baselines = {name: score(known, judged) for name, score in BASELINES.items()}
    return make_report(split, judged, {MODEL: score_rows(model, rows), **by_baselines})


def score_rows(model: RewardModel, rows: "Dataset") -> Scores:
    """What the model says of rows, in the order of `Judged.of`."""
    labelled = [row for row in rows if row["labels"]]
    paired = [row for row in rows if not row["labels"]]
    steps = model.score_encoded(
        encode(model.tokenizer, [(row["prompt"], row["trace"][0]["content"], row["ends"]) for row in labelled])
    )
    sides = [(row["prompt"], text := row[name][0]["content"], trace_ends(text)) for row in paired for name in ANSWERS]
    pairs = np.array(model.score_encoded(encode(model.tokenizer, sides))).reshape(-1, 2, len(Step))
    return Scores(np.array(steps).reshape(-1, len(Step)), log_odds(pairs).sum(axis=2))


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """What the sigmoid makes probabilities of; finite for those of 0 and 1, too."""
    inside = np.clip(probabilities, _NEVER, 1 - _NEVER)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def write_report(folder: Path, report: RewardReport) -> None:
    """Writes the report beside the checkpoint, for machines and for people."""
    write_whole(folder / FILE_NAME, json_text(report.model_dump(mode="json")))
    write_whole(folder / PAGE_NAME, render_report(report))


def render_report(report: RewardReport) -> str:
    """The report as a page of Markdown."""
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["told"] = _told
    return environment.get_template("report.md.jinja").render(report=report)


def _told(value: Any) -> str:
    """A figure with its interval."""
    if isinstance(value, Interval):
        if value.value is None:
            return "–"
        around = "" if value.low is None or value.high is None else f" ({value.low:.3f} to {value.high:.3f})"
        return f"{value.value:.3f}{around}"
    return "–" if value is None else f"{value:.3f}"
