"""Makes the report of a trained reward model: scores the held-out rows by it and by the baselines, and writes both."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...schemas.dialogue import Split
from ...schemas.measures import Interval
from ...schemas.trace import Step
from ...schemas.writing import write_whole
from ..data.chosen import Chosen
from ..data.fit import fit_rows
from ..data.release import PinnedRelease
from ..train.record import json_text
from .baselines import BASELINES
from .encode import encode, measure_traces
from .held_out import Judged, Scores
from .model import RewardModel
from .report import FILE_NAME, MODEL, PAGE_NAME, RewardReport, make_report
from .rows import ANSWERS, load_reward_rows, trace_ends

if TYPE_CHECKING:
    from datasets import Dataset

_NEVER = 1e-9
"""A probability that is taken for 0."""


def report_on(
    model: RewardModel,
    data: Chosen | PinnedRelease,
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
    known, judged = Judged.of(training), Judged.of(rows)
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
