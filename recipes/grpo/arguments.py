"""What a GRPO recipe says besides the arguments of TRL's `GRPOConfig`."""

from dataclasses import dataclass, field

from ...schemas.errors import UsageError

PARTS = ("process", "outcome", "redundancy")
"""The parts of the reward, by the names of the settings that say what they count for; at 0 a part is switched off."""

MEAN, MIN, PER_STEP = "mean", "min", "per_step"
CREDITS = (MEAN, MIN, PER_STEP)
"""How the scores of the steps before the reply become credit; see `GrpoArguments.process_credit`."""


@dataclass
class GrpoArguments:
    """What a trace is rewarded with: our own choice, since PEER's weights (arXiv 2508.09521) are not published.

    A trace that can be read is the precondition and earns nothing by itself: what cannot be read has a reward of 0,
    the least that there is. So there is no weight for the format.
    """

    process: float = field(
        default=1.0, metadata={"help": "of the reward model's scores of history, emotion and strategy"}
    )
    process_credit: str = field(
        default=MEAN,
        metadata={
            "help": "how these scores become credit: mean; min, the weakest step's; or per_step, where the tokens of a "
            "step answer for it and for what comes after it, not for what came before"
        },
    )
    outcome: float = field(default=1.0, metadata={"help": "of the reward model's score of the reply"})
    redundancy: float = field(
        default=1.0, metadata={"help": "how strongly repeating others, or oneself, lowers an advantage above 0"}
    )
    redundancy_floor: float = field(
        default=0.25, metadata={"help": "the least share of its advantage that a reply keeps, however it repeats"}
    )
    reward_model: str | None = field(
        default=None, metadata={"help": "a finished run of a reward recipe; ../../reward/reward if it is left out"}
    )
    max_length: int | None = field(
        default=2048, metadata={"help": "tokens of a prompt with its demonstration; prompts are cut from the left"}
    )

    def check(self, recipe: str) -> None:
        """Looks whether there is anything to learn.

        Raises:
            UsageError: a weight is below 0, the floor is no share, there is no such credit, or nothing is rewarded.
        """
        for name in PARTS:
            if not getattr(self, name) >= 0:
                raise UsageError(f"{recipe}: {name}: {getattr(self, name)} is not 0 or more")
        if not 0 < self.redundancy_floor <= 1:
            raise UsageError(f"{recipe}: redundancy_floor: {self.redundancy_floor} is not above 0 and at most 1")
        if self.process_credit not in CREDITS:
            raise UsageError(
                f"{recipe}: process_credit: {self.process_credit!r} is none of {', '.join(CREDITS)} (process is the "
                "weight of it, a number)"
            )
        if not (self.process or self.outcome):
            raise UsageError(
                f"{recipe}: process and outcome are both 0: nothing is rewarded, since a whole trace earns nothing by "
                "itself"
            )
