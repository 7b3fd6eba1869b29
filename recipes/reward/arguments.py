"""What a reward recipe says besides the arguments of TRL's `RewardConfig`."""

from dataclasses import dataclass, field

from ...schemas.errors import UsageError


@dataclass
class RewardArguments:
    """What the parts of the loss count for."""

    step_weight: float = field(default=1.0, metadata={"help": "of the labelled steps in the loss; 0 leaves them out"})
    pair_weight: float = field(default=1.0, metadata={"help": "of the pairs in the loss; 0 leaves them out"})

    def check(self, recipe: str) -> None:
        """Looks whether there is anything to learn.

        Raises:
            UsageError: a weight is below 0, or both are 0.
        """
        for name in ("step_weight", "pair_weight"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{recipe}: {name}: {getattr(self, name)} is not 0 or more")
        if not self.step_weight and not self.pair_weight:
            raise UsageError(f"{recipe}: step_weight and pair_weight are both 0: nothing is learnt")
