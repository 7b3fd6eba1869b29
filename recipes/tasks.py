"""What a recipe trains: a task in one of its stages, and the configs of a release that this stage reads."""

from enum import StrEnum

from ..schemas.config import Config


class TrainingTask(StrEnum):
    """What the trained model does."""

    PLANNER = "planner"
    """Dialogue to strategy."""
    RESPONDER = "responder"
    """Dialogue and strategy to reply."""
    JOINT = "joint"
    """Dialogue to `[Strategy] reply`: the entangled baseline."""
    REASONER = "reasoner"
    """Dialogue to a reasoning trace that ends with the reply."""
    REWARD = "reward"
    """Dialogue and trace to a score of every step."""


class TrainingStage(StrEnum):
    """How it is trained."""

    SFT = "sft"
    """On demonstrations."""
    DPO = "dpo"
    """On pairs, from an SFT checkpoint of the same task."""
    GRPO = "grpo"
    """On its own traces, scored by a reward model, from an SFT checkpoint of the same task."""
    REWARD = "reward"
    """On labelled steps and pairs, in one loss."""


SYSTEM_TASKS = (TrainingTask.PLANNER, TrainingTask.RESPONDER, TrainingTask.JOINT)
"""The decoupled system's two models and the joint baseline, which are trained and compared together."""
SYSTEM_STAGES = (TrainingStage.SFT, TrainingStage.DPO)
"""The stages of each of them, in order."""

ANSWERS = {
    TrainingStage.SFT: ("completion",),
    TrainingStage.DPO: ("chosen", "rejected"),
    TrainingStage.GRPO: ("completion",),
    TrainingStage.REWARD: ("trace", "worse"),
}
"""The columns of a stage's rows that hold answers to the prompt."""

_CONFIGS = {
    (TrainingTask.PLANNER, TrainingStage.SFT): (Config.STRATEGY_SFT,),
    (TrainingTask.PLANNER, TrainingStage.DPO): (Config.STRATEGY,),
    (TrainingTask.RESPONDER, TrainingStage.SFT): (Config.RESPONSE_SFT,),
    (TrainingTask.RESPONDER, TrainingStage.DPO): (Config.RESPONSE,),
    (TrainingTask.JOINT, TrainingStage.SFT): (Config.JOINT_SFT,),
    (TrainingTask.JOINT, TrainingStage.DPO): (Config.JOINT,),
    (TrainingTask.REASONER, TrainingStage.SFT): (Config.REASONING,),
    (TrainingTask.REASONER, TrainingStage.GRPO): (Config.REASONING,),
    (TrainingTask.REWARD, TrainingStage.REWARD): (Config.REASONING_STEPS, Config.REASONING_PAIRS),
}


def stages_of(task: TrainingTask) -> tuple[TrainingStage, ...]:
    """The stages of a task, in order."""
    return tuple(stage for one, stage in _CONFIGS if one is task)


def configs_of(task: TrainingTask, stage: TrainingStage) -> tuple[Config, ...]:
    """The configs of a release that a task's stage trains on; a KeyError for a stage not in `stages_of(task)`."""
    return _CONFIGS[task, stage]
