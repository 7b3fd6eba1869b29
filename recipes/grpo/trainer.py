"""TRL's `GRPOTrainer`, whose advantages are reshaped after it has computed them: by repetition, and by step.

A reward function cannot do this: TRL compares its values with the group's mean afterwards, so a factor on rewards moves
the mean for all, and can reverse the order. Seven near-identical good replies, scored 0.95, had advantages of -1.14 to
+0.20 that way, and one of nonsense, scored 0.05, had +2.20. Here, of two replies of a group, one that is better in
every score and no more repetitive never has the lower advantage: TRL's advantage rises with the reward, a share of it
is kept only above 0, and that share rises with the redundancy weight. The advantages of a group then no longer sum to
0: no other reply gains what copies lose.

Step-level credit (`process_credit: per_step`) follows the process supervision of GRPO in DeepSeekMath (Shao et al.
2024, arXiv 2402.03300, section 4.1.3), where a token is credited with the steps that end at it or later. Ours compares
other values: since all traces have the same four steps, the reward-to-go at a step is compared with that of the group's
other traces at the same step. At the first step that gives the advantage under the mean. A text that is not a trace has
no steps, and all of its tokens have the advantage of the whole.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ...schemas.trace import Step
from ..runs.arguments import PER_STEP, GrpoArguments

if TYPE_CHECKING:
    from torch import Tensor
    from trl import GRPOConfig

# The settings, and their values, under which TRL 1.16 takes one advantage for each token.
_TOKEN_ADVANTAGES = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo"),
    "importance_sampling_level": ("token",),
    "multi_objective_aggregation": ("sum_then_normalize",),
    "off_policy_mask_threshold": (None,),
}
# What TRL adds to a standard deviation before it divides by it.
_EPSILON = 1e-4
# The closing tags of the steps before the reply.
_ENDS = tuple(re.compile(rf"</{step}>", re.IGNORECASE | re.ASCII) for step in tuple(Step)[:-1])


def check_credit(recipe: str, weights: GrpoArguments, training: "GRPOConfig") -> None:
    """Checks that TRL takes an advantage for each token, if the recipe gives credit by step.

    Raises:
        UsageError: with a setting of the recipe, TRL takes one advantage for each completion.
    """
    if weights.process_credit != PER_STEP:
        return
    for name, allowed in _TOKEN_ADVANTAGES.items():
        if (given := getattr(training, name, allowed[0])) not in allowed:
            raise UsageError(
                f"{recipe}: process_credit=per_step does not work with {name}={given}: "
                f"choose {' or '.join(map(str, allowed))}, or another credit"
            )


def make_trace_trainer(**given: Any) -> Any:
    """A `GRPOTrainer` from its own arguments, with a single `TraceReward` as `reward_funcs`."""
    from trl import GRPOTrainer

    class TraceTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL has no types of its own
        """Reshapes the advantages as soon as TRL has computed them."""

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            output = super()._generate_and_score_completions(inputs)
            (reward,) = self.reward_funcs
            advantages = output["advantages"]
            if reward.weights.process_credit == PER_STEP:
                advantages = self._by_step(reward, output)
            output["advantages"] = shrink_positive(advantages, reward.last.kept_shares(reward.weights))
            return output

        def _by_step(self, reward: Any, output: Any) -> "Tensor":
            import torch

            whole, ids, mask = output["advantages"], output["completion_ids"], output["completion_mask"]
            # A group may be spread over several processes, so TRL, too, compares the values of all of them.
            own = torch.tensor(reward.last.rewards_to_go(reward.weights), device=whole.device)
            gathered = self.accelerator.gather(own)
            size = self.num_generations if self.model.training else self.num_generations_eval
            first = self.accelerator.process_index * len(own)
            steps = group_advantages(gathered, size, self.scale_rewards)[first : first + len(own)]
            rows, length = [], ids.shape[1]
            for at, scores in enumerate(reward.last.steps):
                tokens = ids[at][mask[at].bool()].tolist()
                ends = None if scores is None else find_step_ends(self.processing_class, tokens)
                rows.append(whole[at].expand(length) if ends is None else expand_steps(steps[at], ends, length))
            return torch.stack(rows)

    return TraceTrainer(**given)


def shrink_positive(advantages: "Tensor", shares: Sequence[float]) -> "Tensor":
    """Advantages above 0 times each completion's share; the others unchanged.

    Args:
        advantages: one for each completion, or for each token (completions × tokens).
        shares: in (0, 1], one for each completion.
    """
    share = advantages.new_tensor(shares).reshape(-1, *[1] * (advantages.dim() - 1))
    return advantages.where(advantages <= 0, advantages * share)


def group_advantages(values: "Tensor", size: int, scale: str) -> "Tensor":
    """Each column's values relative to their group, as TRL 1.16 computes advantages from rewards.

    Args:
        values: completions × columns; the completions of a group are adjacent.
        size: completions of a group.
        scale: the trainer's `scale_rewards`: `group`, `batch` or `none`.
    """
    groups = values.reshape(-1, size, values.shape[1])
    centred = (groups - groups.mean(dim=1, keepdim=True)).reshape(values.shape)
    if scale == "none":
        return centred
    by_batch = scale == "batch"
    if (len(values) if by_batch else size) < 2:  # a group in evaluation may be of one; TRL takes its deviation as 0
        return centred / _EPSILON
    deviation = values.std(dim=0).expand_as(values) if by_batch else groups.std(dim=1).repeat_interleave(size, dim=0)
    return centred / (deviation + _EPSILON)


def expand_steps(steps: "Tensor", ends: Sequence[int], length: int) -> "Tensor":
    """One value for each token from one value for each step.

    Args:
        steps: in order.
        ends: for each step but the last, the number of tokens up to its end.
        length: tokens in all; those after the last end belong to the last step.
    """
    import torch

    places = torch.arange(length, device=steps.device)
    bounds = torch.tensor(list(ends), device=steps.device)
    return steps[torch.bucketize(places, bounds, right=True)]


def find_step_ends(tokenizer: Any, ids: Sequence[int]) -> list[int] | None:
    """The number of tokens up to the end of each step before the reply; None if a closing tag is missing."""

    def count_characters(tokens: int) -> int:
        return len(tokenizer.decode(ids[:tokens], skip_special_tokens=True))

    text = tokenizer.decode(ids, skip_special_tokens=True)
    ends = []
    for tag in _ENDS:
        # The last match: a model's thoughts, which precede the trace, may contain the tag as well.
        matches = [match.end() for match in tag.finditer(text)]
        if not matches:
            return None
        # Decoding prefixes finds the token without offsets, which a decoded text does not have.
        ends.append(bisect_left(range(len(ids)), matches[-1], key=count_characters))
    return ends
