"""What a recipe trains: a task, in one of two stages, on the config of a release that belongs to both."""

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


class Stage(StrEnum):
    """How it is trained."""

    SFT = "sft"
    """On demonstrations."""
    DPO = "dpo"
    """On pairs, from an SFT checkpoint of the same task."""


ANSWERS = {Stage.SFT: ("completion",), Stage.DPO: ("chosen", "rejected")}
"""The columns of a stage's rows that hold answers to the prompt."""

_CONFIGS = {
    (Task.PLANNER, Stage.SFT): Config.STRATEGY_SFT,
    (Task.PLANNER, Stage.DPO): Config.STRATEGY,
    (Task.RESPONDER, Stage.SFT): Config.RESPONSE_SFT,
    (Task.RESPONDER, Stage.DPO): Config.RESPONSE,
    (Task.JOINT, Stage.SFT): Config.JOINT_SFT,
    (Task.JOINT, Stage.DPO): Config.JOINT,
}


def config_of(task: Task, stage: Stage) -> Config:
    """The config of a release that a task's stage trains on."""
    return _CONFIGS[task, stage]
