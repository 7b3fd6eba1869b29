"""The questions that models answer which were trained on the release."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...schemas.evaluation import Evaluation
from ...schemas.measures import Interval
from ...schemas.validation import Answered
from ..evaluate.baselines import MAJORITY
from ..evaluate.generate import DECOUPLED, JOINT
from ..evaluate.predictions import System
from ..tasks import Stage, Task
from ..train.card import RANDOM
from .figures import change, difference, errors_difference, hundredth, is_embedded, score
from .preconditions import (
    Found,
    Name,
    beats_majority,
    enough_pairs,
    enough_turns,
    found,
    judged,
    not_collapsed,
    pretrained,
)
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
)
from .rewards import Rewards
from .systems import system_name
from .trained import Trained
from .variety import largest, largest_answer
from .verdicts import answer, nothing

_SFT, _DPO = (system_name(DECOUPLED, stage) for stage in (Stage.SFT, Stage.DPO))
_JOINT = system_name(JOINT, Stage.DPO)
_UNDEFINED = "one of the two is undefined; `evaluation/evaluation.md` says why"


@dataclass(frozen=True)
class Results:
    """What training and asking gave."""

    sound: bool
    """Whether no question about the release is answered with no."""
    trained: tuple[Trained, ...]
    rewards: Mapping[Task, Rewards]
    systems: tuple[System, ...]
    evaluation: Evaluation


def unanswered(why: str) -> tuple[Answered, ...]:
    """Every question about training where nothing was trained."""
    conditions = found(Name.SOUND, False, why)
    return tuple(answer(question, nothing(), conditions, why) for question in TRAINING)


def answer_training(results: Results) -> tuple[Answered, ...]:
    """Every question about training."""
    on, lead = results.evaluation, difference(results.evaluation, "accuracy", _SFT, MAJORITY)
    collapsed = largest([one for system in results.systems for one in _sameness(results.evaluation, system)])
    conditions = _conditions(results, lead, collapsed)
    return (
        *(_learns(task, rewards, conditions) for task, rewards in results.rewards.items()),
        answer(PLANNER, lead, conditions, _UNDEFINED),
        answer(LESS_BIASED, difference(on, "bias_smoothed", _DPO, _JOINT), conditions, _UNDEFINED),
        answer(MORE_PROFICIENT, difference(on, "proficiency", _DPO, _JOINT), conditions, _UNDEFINED),
        answer(FEWER_ERRORS, errors_difference(on, _DPO, _SFT), conditions, conditions[Name.JUDGED].told),
        answer(KEEPS_LENGTH, change(on, "words", _DPO, _SFT), conditions, _UNDEFINED),
        answer(KEEPS_DISTINCT, change(on, "distinct_2", _DPO, _SFT), conditions, _UNDEFINED),
        answer(KEEPS_SELF_BLEU, change(on, "self_bleu", _DPO, _SFT), conditions, _UNDEFINED),
        answer(COLLAPSE, collapsed, conditions, "no system answered anything"),
    )


def _sameness(evaluation: Evaluation, system: System) -> tuple[Interval, Interval]:
    """Two shares that are near 1 where a system says one thing: word for word, and nearly so."""
    return largest_answer(system.predictions), hundredth(score(evaluation, system.name, "self_bleu"))


def _conditions(results: Results, lead: Interval, collapsed: Interval) -> Found:
    """What holds of the run as a whole."""
    on, judges = results.evaluation.on, [one.judge for one in results.evaluation.judged]
    embedded = sum(map(is_embedded, judges))
    return {
        **found(Name.SOUND, results.sound, "the release's own tables" if results.sound else "a question says no"),
        **enough_turns(on.turns, on.dialogues),
        **pretrained({one.run.base_model for one in results.trained}, RANDOM),
        **beats_majority(lead),
        **not_collapsed(collapsed, COLLAPSED),
        **judged(len(judges) - embedded, embedded),
    }


def _learns(task: Task, rewards: Rewards, conditions: Found) -> Answered:
    found_here = {**conditions, **enough_pairs(rewards.accuracy.n)}
    told = answer(LEARNS[task], rewards.accuracy, found_here, "no test pair fits into the model")
    margin = rewards.margin
    if margin.value is None or margin.low is None or margin.high is None:
        return told
    return told.model_copy(
        update={"why": f"{told.why}; margin {margin.value:.3g} [{margin.low:.3g}, {margin.high:.3g}]"}
    )
