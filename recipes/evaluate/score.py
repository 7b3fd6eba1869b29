"""Scores systems by all metrics and tests their differences."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from ...builders.statistics.bootstrap import SEED, interval, ratio
from ...builders.statistics.bounds import pair_strengths
from ...schemas.errors import UsageError
from ...schemas.evaluation import (
    Evaluated,
    Evaluation,
    MetricInfo,
    Score,
    Strengths,
    SystemComparison,
    SystemScores,
    WinRate,
)
from ..metrics import diversity, overlap, strategies
from ..metrics import strategies as bias
from ..metrics.measured import P_VALUE, Metric, MetricResult, difference_of, mask_single_dialogue, p_value
from ..metrics.overlap import unigram_f1
from ..metrics.sample import REPLICATES, STRATEGIES, AnswerSample
from ..metrics.strategies import confusion, preference_counts, published_strengths
from .predictions import Aligned, System, align, human_of

METRICS: dict[str, Metric] = {
    **strategies.STRATEGY_METRICS,
    **bias.METRICS,
    **strategies.REASONING_METRICS,
    **overlap.OVERLAP_METRICS,
    **overlap.LIKENESS_METRICS,
    **diversity.DIVERSITY_METRICS,
    **diversity.REPETITION_METRICS,
}
"""By id, as in files of results."""


def measure(sample: AnswerSample, similarity_model: Path | None = None) -> dict[str, MetricResult]:
    """Every metric of one system; `likeness` only if `similarity_model`, a model's folder, is given.

    Raises:
        UsageError: the folder holds no model.
    """
    return {
        **strategies.measure_strategies(sample),
        **bias.measure_bias(sample),
        **strategies.measure_reasoning(sample),
        **overlap.measure_overlap(sample),
        **(overlap.measure_likeness(sample, similarity_model) if similarity_model is not None else {}),
        **diversity.measure_diversity(sample),
        **diversity.measure_repetition(sample),
    }


def measure_human(sample: AnswerSample) -> dict[str, MetricResult]:
    """The metrics that need no reference, of the human's own replies: a yardstick for the systems."""
    found = {**diversity.measure_diversity(sample), **diversity.measure_repetition(sample)}
    return {name: one for name, one in found.items() if name != "replied"}


# Scores systems side by side and tests their differences; what comes out is the whole of `evaluation.json`.


# The most frequent invalid labels that are shown.
_MOST_LABELS = 20
# Invalid labels are listed in tables, and a model may answer with a whole page.
_LONGEST_LABEL = 80
NEARER = "nearer to the human's words (unigram F1)"


@dataclass(frozen=True)
class ScoredSystem:
    """A system with everything that was measured of it."""

    aligned: Aligned
    sample: AnswerSample
    measured: Mapping[str, MetricResult]

    @property
    def name(self) -> str:
        return self.aligned.system.name


@dataclass(frozen=True)
class Samples:
    """The bootstrap samples behind an evaluation's figures, for callers that combine several evaluations."""

    measured: dict[str, Mapping[str, MetricResult]] = field(default_factory=dict)
    """By system, then by metric."""
    judged: dict[tuple[str, str, str, str], MetricResult] = field(default_factory=dict)
    """Differences by judge, what it says, and the two systems."""


@dataclass(frozen=True)
class Options:
    """How to score."""

    similarity_model: Path | None = None
    """A folder with a language model, for `likeness`."""
    replicates: int = REPLICATES
    on_system: Callable[[str], None] = lambda name: None
    """Told of each system before it is scored."""
    samples: Samples | None = None
    """Filled with the samples of every system."""


def score_systems(systems: Sequence[System], on: Evaluated, options: Options | None = None) -> Evaluation:
    """The scores of every system and the human's, with paired tests between systems.

    Args:
        systems: in the order of tables, baselines last.
        on: what they are about; its numbers of turns and dialogues are set here.
        options: how to score.

    Raises:
        UsageError: the systems cannot be put side by side, or there is no such model.
    """
    options = options or Options()
    if not systems:
        raise UsageError("there is no system to score")
    aligned = align(systems)
    scored = [_score(one, options) for one in aligned]
    if options.samples is not None:
        options.samples.measured.update({one.name: one.measured for one in scored})
    human = human_of(aligned)
    told = [_scores_of(one) for one in scored] + ([_scores_of_human(human, options)] if human is not None else [])
    first = scored[0].sample
    counted = on.model_copy(
        update={"turns": first.size, "dialogues": len({answer.dialogue for answer in first.answers})}
    )
    return Evaluation(
        on=counted,
        seed=SEED,
        replicates=options.replicates,
        p_value=P_VALUE,
        metrics={name: MetricInfo(name=one.name, about=one.about, better=one.better) for name, one in METRICS.items()},
        systems=tuple(told),
        comparisons=tuple(_comparisons(scored)),
        wins=tuple(_wins(scored)),
        judged=(),
        notes=tuple(dict.fromkeys(note for system in systems for note in system.notes)),
    )


def _score(aligned: Aligned, options: Options) -> ScoredSystem:
    options.on_system(aligned.system.name)
    sample = AnswerSample.of([one.answer for one in aligned.predictions], options.replicates)
    return ScoredSystem(aligned, sample, measure(sample, options.similarity_model))


def _scores_of(scored: ScoredSystem) -> SystemScores:
    tables = confusion(scored.sample)[0]
    published = published_strengths(preference_counts(tables))
    smoothed = pair_strengths(preference_counts(tables))
    system = scored.aligned.system
    return SystemScores(
        name=system.name,
        kind=system.kind,
        about=system.about,
        turns=scored.sample.size,
        left_out=scored.aligned.left_out,
        scores=_scores(scored.measured),
        invalid=_invalid_labels(scored.aligned),
        confusion=tuple(tuple(round(cell) for cell in row) for row in tables.tolist()),
        strengths=Strengths(
            published=_by_strategy(published) if np.isfinite(published).all() else None,
            smoothed=_by_strategy(smoothed),
        )
        if scored.measured["bias_smoothed"].interval.value is not None
        else None,
    )


def _scores_of_human(human: System, options: Options) -> SystemScores:
    sample = AnswerSample.of([one.answer for one in human.predictions], options.replicates)
    return SystemScores(
        name=human.name,
        kind="human",
        about=human.about,
        turns=sample.size,
        left_out=0,
        scores=_scores(measure_human(sample)),
        invalid={},
        confusion=(),
        strengths=None,
    )


def _scores(measured: Mapping[str, MetricResult]) -> tuple[Score, ...]:
    return tuple(Score(metric=name, value=one.interval, why=one.why) for name, one in measured.items())


def _invalid_labels(aligned: Aligned) -> dict[str, int]:
    raw = ((one.strategy_raw or "").strip()[:_LONGEST_LABEL] for one in aligned.predictions if one.strategy is None)
    counts = Counter(raw)
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    return {label: counts[label] for label in ordered[:_MOST_LABELS]}


def _by_strategy(strengths: np.ndarray) -> dict[str, float]:
    return {name.value: round(float(one), 6) for name, one in zip(STRATEGIES, strengths, strict=True)}


# Every two of them but two baselines.
def _pairs(scored: Sequence[ScoredSystem]) -> Iterator[tuple[ScoredSystem, ScoredSystem]]:
    for one, other in combinations(scored, 2):
        if {one.aligned.system.kind, other.aligned.system.kind} != {"baseline"}:
            yield one, other


# Every metric that both of two systems have, and may be compared on.
def _comparisons(scored: Sequence[ScoredSystem]) -> Iterator[SystemComparison]:
    for one, other in _pairs(scored):
        for name in METRICS:
            ours, theirs = one.measured.get(name), other.measured.get(name)
            if ours is None or theirs is None or not (ours.comparable and theirs.comparable):
                continue
            difference = difference_of(ours, theirs)
            if difference.value is not None:
                p = p_value(ours, theirs)
                yield SystemComparison(metric=name, one=one.name, other=other.name, difference=difference, p=p)


# Whose reply shares more words with the human's, turn by turn; of systems that reply.
def _wins(scored: Sequence[ScoredSystem]) -> Iterator[WinRate]:
    for one, other in _pairs([system for system in scored if (system.sample.replied & system.sample.compared).any()]):
        yield win_rate(NEARER, (one.name, _nearness(one)), (other.name, _nearness(other)), one.sample.weights)


def _nearness(scored: ScoredSystem) -> np.ndarray:
    return np.array(
        [
            unigram_f1(one.reply or "", one.reference or "") if there else np.nan
            for one, there in zip(scored.sample.answers, scored.sample.compared, strict=True)
        ]
    )


def win_rate(by: str, one: tuple[str, np.ndarray], other: tuple[str, np.ndarray], weights: np.ndarray) -> WinRate:
    """How often the first of two named systems has more, turn by turn.

    Args:
        by: what decides.
        one: a name and a value a turn; not a number where it cannot be told.
        other: the same.
        weights: turns × (1 + replicates).
    """
    difference = one[1] - other[1]
    told = np.isfinite(difference)
    drawn = weights[told].astype(np.float64)
    won = (difference[told] > 0).astype(np.float64)
    return WinRate(
        by=by,
        one=one[0],
        other=other[0],
        wins=interval(mask_single_dialogue(ratio(drawn.T @ won, drawn.sum(axis=0)), weights[told]), int(told.sum())),
        ties=int((difference[told] == 0).sum()),
        losses=int((difference[told] < 0).sum()),
    )
