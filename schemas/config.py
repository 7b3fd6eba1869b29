"""The configs (Hub subsets) of a release."""

from enum import StrEnum


class Config(StrEnum):
    """One table of a release; each has its own columns (see `rows`)."""

    STRATEGY = "strategy"
    RESPONSE = "response"
    JOINT = "joint"
    STRATEGY_SFT = "strategy_sft"
    RESPONSE_SFT = "response_sft"
    JOINT_SFT = "joint_sft"
    DROPPED = "dropped"
    COMPLETIONS = "completions"
    DIALOGUES = "dialogues"
    CRISIS_HOLDOUT = "crisis_holdout"
    REASONING = "reasoning"
    REASONING_STEPS = "reasoning_steps"
    REASONING_PAIRS = "reasoning_pairs"


PAIR_CONFIGS = (Config.STRATEGY, Config.RESPONSE, Config.JOINT)
"""The preference configs: a candidate of these is one inferred alternative."""

SFT_CONFIGS = (Config.STRATEGY_SFT, Config.RESPONSE_SFT, Config.JOINT_SFT)
"""The SFT configs, in the order of their preference twins: a candidate of these is one supporter turn."""

REASONING_CONFIGS = (Config.REASONING, Config.REASONING_STEPS, Config.REASONING_PAIRS)
"""The configs of reasoning traces: demonstrations, labelled steps, preferences; since layout 3."""

DEFAULT_CONFIG = Config.RESPONSE
"""The config that `load_dataset` loads if none is named."""
