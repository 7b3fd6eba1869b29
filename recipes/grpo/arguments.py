"""What a GRPO recipe says besides the arguments of TRL's `GRPOConfig`."""

from dataclasses import dataclass, field

from ...schemas.errors import UsageError

PARTS = ("process", "outcome", "format", "redundancy")
"""The parts of the reward, by the names of the settings that say what they count for; at 0 a part is switched off."""


@dataclass
class GrpoArguments:
    """What a trace is rewarded with: our own choice, since PEER's weights (arXiv 2508.09521) are not published."""

    process: float = field(
        default=1.0, metadata={"help": "of the reward model's mean score of history, emotion and strategy"}
    )
    outcome: float = field(default=1.0, metadata={"help": "of the reward model's score of the reply"})
    format: float = field(default=1.0, metadata={"help": "of being a whole trace that can be read"})
    redundancy: float = field(
        default=1.0, metadata={"help": "how strongly repeating others, or oneself, lowers all of the reward"}
    )
    reward_model: str | None = field(
        default=None, metadata={"help": "a finished run of a reward recipe; ../../reward/reward if it is left out"}
    )
    max_length: int | None = field(
        default=2048, metadata={"help": "tokens of a prompt with its demonstration; prompts are cut from the left"}
    )

    @property
    def wants_scores(self) -> bool:
        """Whether a reward model has a say."""
        return bool(self.process or self.outcome)

    def check(self, recipe: str) -> None:
        """Looks whether there is anything to learn.

        Raises:
            UsageError: a weight is below 0, or nothing is rewarded.
        """
        for name in PARTS:
            if not getattr(self, name) >= 0:
                raise UsageError(f"{recipe}: {name}: {getattr(self, name)} is not 0 or more")
        if not (self.process or self.outcome or self.format):
            raise UsageError(f"{recipe}: process, outcome and format are all 0: nothing is rewarded")
