"""The answers to the questions that need models trained on the release."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...schemas.evaluation import Evaluation, JudgeFigures
from ...schemas.measures import Interval
from ...schemas.study import Answered
from ..catalogue import TrainingStage, TrainingTask
from ..evaluate.baselines import MAJORITY
from ..evaluate.generate import DECOUPLED, JOINT
from ..metrics.measured import MetricResult
from ..runs.record import RANDOM
from ._release_answers import largest, largest_answer
from ._rewards import Rewards
from ._systems import SeedResults, Trained, system_name
from ._verdicts import answer, holm, nothing, over_seeds, range_of, tail_p
from .figures import change, difference, errors_difference, hundredth, is_embedded
from .questions import (
    COLLAPSE,
    COLLAPSED,
    FEWER_ERRORS,
    KEEPS_DISTINCT,
    KEEPS_LENGTH,
    KEEPS_SELF_BLEU,
    LEARNS,
    LESS_BIASED,
    MORE_PROFICIENT,
    PLANNER,
    TRAINING,
    Found,
    Name,
    StudyQuestion,
    beats_majority,
    enough_pairs,
    enough_seeds,
    enough_turns,
    few_invalid,
    found,
    independent,
    judged,
    not_collapsed,
    pretrained,
)

_SFT, _DPO = (system_name(DECOUPLED, stage) for stage in (TrainingStage.SFT, TrainingStage.DPO))
_JOINT = system_name(JOINT, TrainingStage.DPO)
_UNDEFINED = "one of the two is undefined; `evaluation/seed-1/evaluation.md` and those of the other seeds say why"


@dataclass(frozen=True)
class Results:
    """The results of training and evaluation."""

    sound: bool
    """Whether no question about the release is answered with no."""
    trained: tuple[Trained, ...]
    rewards: Mapping[TrainingTask, tuple[Rewards, ...]]
    seeds: tuple[SeedResults, ...]

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation of the first seed; its data, judges and notes are the same for all seeds."""
        return self.seeds[0].evaluation

    @property
    def models_judging(self) -> list[JudgeFigures]:
        """The judges that are models."""
        return [one for one in self.evaluation.judged if not is_embedded(one.judge)]

    @property
    def independent(self) -> list[str]:
        """The judges without a stake in the systems that they compare."""
        return [one.judge for one in self.models_judging if not {_DPO, _SFT} & one.stakes.keys()]

    @property
    def conflicts(self) -> list[str]:
        """The reasons why no judge is independent; empty if one is."""
        if self.independent:
            return []
        return [f"{one.judge} {why}" for one in self.models_judging for why in dict.fromkeys(one.stakes.values())]


@dataclass(frozen=True)
class _Asked:
    """A question with everything that decides its answer."""

    question: StudyQuestion
    figure: MetricResult
    conditions: Found
    why_none: str
    besides: str = ""
    """The rest of the message, after the reason."""


def unanswered(why: str) -> tuple[Answered, ...]:
    """The answers to all training questions if nothing was trained."""
    conditions = found(Name.SOUND, False, why)
    return tuple(answer(question, nothing(), conditions, why) for question in TRAINING)


def answer_training(results: Results) -> tuple[Answered, ...]:
    """The answers to all training questions; the comparative ones share one significance level (Holm)."""
    samples = [one.samples for one in results.seeds]
    lead = difference(samples, "accuracy", _SFT, MAJORITY)
    collapsed = _sameness(results)
    conditions = _conditions(results, lead.interval, collapsed)
    asked = [
        *(_learns(task, rewards, conditions) for task, rewards in results.rewards.items()),
        _Asked(PLANNER, lead, conditions, _UNDEFINED),
        _Asked(LESS_BIASED, difference(samples, "bias_smoothed", _DPO, _JOINT), conditions, _UNDEFINED),
        _Asked(MORE_PROFICIENT, difference(samples, "macro_f1", _DPO, _JOINT), conditions, _UNDEFINED),
        _Asked(
            FEWER_ERRORS,
            errors_difference(samples, _DPO, _SFT, results.independent),
            conditions,
            conditions[Name.JUDGED].told,
        ),
        _Asked(KEEPS_LENGTH, change(samples, "words", _DPO, _SFT), conditions, _UNDEFINED),
        _Asked(KEEPS_DISTINCT, change(samples, "distinct_2", _DPO, _SFT), conditions, _UNDEFINED),
        _Asked(KEEPS_SELF_BLEU, change(samples, "self_bleu", _DPO, _SFT), conditions, _UNDEFINED),
    ]
    return (*_together(asked), answer(COLLAPSE, collapsed, conditions, "a system answered nothing that is valid"))


# The answers to comparative questions; one without a figure does not count in the adjustment.
def _together(asked: Sequence[_Asked]) -> Iterator[Answered]:
    figures = {one.question.id: one.figure.interval for one in asked}
    adjusted = holm(
        {
            one.question.id: tail_p(one.figure, range_of(one.question, figures[one.question.id]))
            for one in asked
            if figures[one.question.id].value is not None
        }
    )
    for one in asked:
        name = one.question.id
        told = answer(one.question, figures[name], one.conditions, one.why_none, adjusted.get(name))
        yield told.model_copy(update={"why": told.why + one.besides}) if one.besides else told


# The largest share of any system and seed; near 1 if a system nearly always gives the same answer.
#
# No value if a system has none: a system without valid answers has not shown that it uses several.
def _sameness(results: Results) -> Interval:
    found = []
    for seed in results.seeds:
        for system in seed.systems:
            own = largest_answer(system.predictions)
            if own.value is None:
                return nothing()
            measured = seed.samples.measured.get(system.name, {}).get("self_bleu")
            found += [own, hundredth(measured.interval if measured is not None else nothing())]
    return largest(found)


# The preconditions that concern the whole run.
def _conditions(results: Results, lead: Interval, collapsed: Interval) -> Found:
    on, models = results.evaluation.on, len(results.models_judging)
    embedded = len(results.evaluation.judged) - models
    return {
        **found(Name.SOUND, results.sound, "the release's own tables" if results.sound else "a question says no"),
        **enough_turns(on.turns, on.dialogues),
        **enough_seeds(len(results.seeds)),
        **pretrained({one.run.base_model for one in results.trained}, RANDOM),
        **beats_majority(lead),
        **not_collapsed(collapsed, COLLAPSED),
        **few_invalid(_most_invalid(results)),
        **judged(models, embedded),
        **independent(results.conflicts),
    }


# The largest share of invalid answers of any system and seed; None if one was not measured.
def _most_invalid(results: Results) -> float | None:
    shares = [
        one.samples.measured[system.name]["invalid"].interval.value for one in results.seeds for system in one.systems
    ]
    return max((share for share in shares if share is not None), default=None) if None not in shares else None


def _learns(task: TrainingTask, rewards: Sequence[Rewards], conditions: Found) -> _Asked:
    accuracy, margin = (over_seeds([getattr(one, name) for one in rewards]) for name in ("accuracy", "margin"))
    first = rewards[0]
    pairs = enough_pairs(accuracy.n, first.hard, first.of)
    told, besides = margin.interval, ""
    if told.value is not None and told.low is not None and told.high is not None:
        besides = f"; margin {told.value:.3g} [{told.low:.3g}, {told.high:.3g}]"
    why = f"{pairs[Name.ENOUGH_PAIRS].told}; {first.too_long} do not fit into the model"
    return _Asked(LEARNS[task], accuracy, {**conditions, **pairs}, why, besides)
