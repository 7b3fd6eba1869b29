"""TRL's `GRPOTrainer`, whose advantages are shaped once they are known: by repetition, and by step.

What TRL computes stays as it is, the advantage of a completion within its group among it; both changes are made to its
result. A reward function cannot make them: what it returns is compared with the group's mean afterwards, so that a
factor on rewards moves the mean for all, and turns around who is better (seven near-alike good replies, scored 0.95,
had advantages of -1.14 to +0.20 that way, and one of nonsense, scored 0.05, had +2.20). Here, of two replies of one
group, one that is better in every score and repeats no more never has the lower advantage: TRL's advantage rises with
the reward, a share of it is kept only above 0, and that share rises with the weight. The advantages of a group then no
longer sum to 0: what copies give up goes to no other reply.

Step-level credit (`process_credit: per_step`) follows the process supervision of GRPO in DeepSeekMath (Shao et al.
2024, arXiv 2402.03300, section 4.1.3), where a token answers for the steps that end at it or later. Ours differs in
that it compares sums with sums: what is still to earn at a step is set against the same of the other traces of the
group, at the same step, since all traces have the same four. At the first step that is the advantage under the mean.
What cannot be read has no steps; all of its tokens have the advantage of the whole.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ...schemas.trace import Step
from ..runs.arguments import PER_STEP, GrpoArguments

if TYPE_CHECKING:
    from torch import Tensor
    from trl import GRPOConfig

_STEPWISE = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo"),
    "importance_sampling_level": ("token",),
    "multi_objective_aggregation": ("sum_then_normalize",),
    "off_policy_mask_threshold": (None,),
}
"""Settings under which TRL 1.16 takes an advantage a token (B × T), with the values that do."""
_NEVER_ZERO = 1e-4
"""What TRL adds to a standard deviation."""
_ENDS = tuple(re.compile(rf"</{step}>", re.IGNORECASE | re.ASCII) for step in tuple(Step)[:-1])
"""Where the steps before the reply end."""


def check_credit(recipe: str, weights: GrpoArguments, training: "GRPOConfig") -> None:
    """Looks whether tokens can have advantages of their own under these settings, where they are to have them.

    Raises:
        UsageError: a setting takes one advantage a completion.
    """
    if weights.process_credit != PER_STEP:
        return
    for name, good in _STEPWISE.items():
        if (given := getattr(training, name, good[0])) not in good:
            raise UsageError(
                f"{recipe}: process_credit=per_step cannot be had with {name}={given}: "
                f"choose {' or '.join(map(str, good))}, or another credit"
            )


def make_trace_trainer(**given: Any) -> Any:
    """TRL's `GRPOTrainer` from the same arguments, of which `reward_funcs` is a `TraceReward`; see above."""
    from trl import GRPOTrainer

    class TraceTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL has no types of its own
        """Shapes advantages where TRL has just made them."""

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            output = super()._generate_and_score_completions(inputs)
            (reward,) = self.reward_funcs
            advantages = output["advantages"]
            if reward.weights.process_credit == PER_STEP:
                advantages = self._by_step(reward, output)
            output["advantages"] = keep_share(advantages, reward.last.kept(reward.weights))
            return output

        def _by_step(self, reward: Any, output: Any) -> "Tensor":
            """The advantage of every token."""
            import torch

            whole, ids, mask = output["advantages"], output["completion_ids"], output["completion_mask"]
            # Groups may lie in several processes, and TRL, too, compares what all of them have.
            own = torch.tensor(reward.last.still_to_earn(reward.weights), device=whole.device)
            together = self.accelerator.gather(own)
            size = self.num_generations if self.model.training else self.num_generations_eval
            first = self.accelerator.process_index * len(own)
            steps = compare(together, size, self.scale_rewards)[first : first + len(own)]
            rows = []
            for at, scores in enumerate(reward.last.steps):
                length = ids.shape[1]
                told = None if scores is None else step_ends(self.processing_class, ids[at][mask[at].bool()].tolist())
                rows.append(whole[at].expand(length) if told is None else spread(steps[at], told, length))
            return torch.stack(rows)

    return TraceTrainer(**given)


def keep_share(advantages: "Tensor", kept: Sequence[float]) -> "Tensor":
    """Advantages above 0 times the share that each completion keeps; the others as they are.

    Args:
        advantages: one a completion, or one a token of each (completions × tokens).
        kept: above 0 up to 1, one a completion.
    """
    share = advantages.new_tensor(kept).reshape(-1, *[1] * (advantages.dim() - 1))
    return advantages.where(advantages <= 0, advantages * share)


def compare(values: "Tensor", size: int, scale: str) -> "Tensor":
    """Each value against the same column of its group, as TRL 1.16 compares rewards.

    Args:
        values: completions × columns; the completions of a group stand together.
        size: of a group.
        scale: `scale_rewards` of the trainer: `group`, `batch` or `none`.
    """
    groups = values.reshape(-1, size, values.shape[1])
    apart = (groups - groups.mean(dim=1, keepdim=True)).reshape(values.shape)
    if scale == "none":
        return apart
    whole = scale == "batch"
    if (len(values) if whole else size) < 2:  # in evaluation a group may be of one; TRL takes its spread for 0
        return apart / _NEVER_ZERO
    spread_of = values.std(dim=0).expand_as(values) if whole else groups.std(dim=1).repeat_interleave(size, dim=0)
    return apart / (spread_of + _NEVER_ZERO)


def spread(steps: "Tensor", ends: Sequence[int], length: int) -> "Tensor":
    """One value a token from one value a step.

    Args:
        steps: in order.
        ends: of each step but the last, the number of tokens up to where it ends.
        length: tokens in all; those after the last end are of the last step.
    """
    import torch

    places = torch.arange(length, device=steps.device)
    bounds = torch.tensor(list(ends), device=steps.device)
    return steps[torch.bucketize(places, bounds, right=True)]


def step_ends(tokenizer: Any, ids: Sequence[int]) -> list[int] | None:
    """How many tokens of a trace there are up to the end of each step before the reply; None where one is not found."""
    text = tokenizer.decode(ids, skip_special_tokens=True)
    found = []
    for end in _ENDS:
        # The last one: thoughts, which stand before the trace, may write the tag, too.
        places = [match.end() for match in end.finditer(text)]
        if not places:
            return None
        found.append(_tokens_up_to(tokenizer, ids, places[-1]))
    return found


def _tokens_up_to(tokenizer: Any, ids: Sequence[int], characters: int) -> int:
    """The least number of tokens whose text has so many characters."""
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if len(tokenizer.decode(ids[:middle], skip_special_tokens=True)) < characters:
            low = middle + 1
        else:
            high = middle
    return low
