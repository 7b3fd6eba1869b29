"""What a recipe trains: a task, in one of its stages, on the configs of a release that belong to both."""

from enum import StrEnum

from ..schemas.config import Config


class Task(StrEnum):
    """What the trained model does."""

    PLANNER = "planner"
    """Dialogue to strategy."""
    RESPONDER = "responder"
    """Dialogue and strategy to reply."""
    JOINT = "joint"
    """Dialogue to `[Strategy] reply`: the entangled baseline."""
    REASONER = "reasoner"
    """Dialogue to a reasoning trace, which ends with the reply."""
    REWARD = "reward"
    """Dialogue and trace to a score of every step."""


class Stage(StrEnum):
    """How it is trained."""

    SFT = "sft"
    """On demonstrations."""
    DPO = "dpo"
    """On pairs, from an SFT checkpoint of the same task."""
    GRPO = "grpo"
    """On its own traces as a reward model scores them, from an SFT checkpoint of the same task."""
    REWARD = "reward"
    """On labelled steps and on pairs, in one loss."""


SYSTEM_TASKS = (Task.PLANNER, Task.RESPONDER, Task.JOINT)
"""The decoupled system's models and the joint baseline, which are trained and compared together."""
SYSTEM_STAGES = (Stage.SFT, Stage.DPO)
"""The stages of each of them, in order."""

ANSWERS = {
    Stage.SFT: ("completion",),
    Stage.DPO: ("chosen", "rejected"),
    Stage.GRPO: ("completion",),
    Stage.REWARD: ("trace", "worse"),
}
"""The columns of a stage's rows that hold answers to the prompt."""

_CONFIGS = {
    (Task.PLANNER, Stage.SFT): (Config.STRATEGY_SFT,),
    (Task.PLANNER, Stage.DPO): (Config.STRATEGY,),
    (Task.RESPONDER, Stage.SFT): (Config.RESPONSE_SFT,),
    (Task.RESPONDER, Stage.DPO): (Config.RESPONSE,),
    (Task.JOINT, Stage.SFT): (Config.JOINT_SFT,),
    (Task.JOINT, Stage.DPO): (Config.JOINT,),
    (Task.REASONER, Stage.SFT): (Config.REASONING,),
    (Task.REASONER, Stage.GRPO): (Config.REASONING,),
    (Task.REWARD, Stage.REWARD): (Config.REASONING_STEPS, Config.REASONING_PAIRS),
}


def stages_of(task: Task) -> tuple[Stage, ...]:
    """The stages that a task is trained in, in order."""
    return tuple(stage for one, stage in _CONFIGS if one is task)


def configs_of(task: Task, stage: Stage) -> tuple[Config, ...]:
    """The configs of a release that a task's stage trains on; `stages_of` tells which stages there are."""
    return _CONFIGS[task, stage]
