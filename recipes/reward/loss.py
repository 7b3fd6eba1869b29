"""The loss of UnifiReward: step-wise binary cross-entropy and Bradley and Terry's pairs, in one sum. Our own design."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ...schemas.inference import Message
from ...schemas.trace import Step
from .rows import ANSWERS, encode, trace_ends

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

# Mixed batches of labelled traces and pairs, as tensors.


STEPS = len(Step)
UNKNOWN = -100
"""The label of a step that has none."""


def collate(tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Any]]) -> dict[str, "Tensor"]:
    """A batch of rows in the form of `load_reward_rows`.

    Gives `input_ids` and `attention_mask` (sequences × tokens, padded on the right; of a pair both traces), `ends` and
    `step_labels` (sequences × steps; a pair has `UNKNOWN` labels), `weights` (sequences), and of the pairs `better`,
    `worse` (the numbers of their sequences) and `pair_weights`.
    """
    import torch

    sequences: list[tuple[list[Message], str, list[int]]] = []
    labels, weights = [], []
    better, worse, pair_weights = [], [], []
    for row in rows:
        sides = [row[name] for name in ANSWERS if row[name]]
        if len(sides) > 1:
            better.append(len(sequences))
            worse.append(len(sequences) + 1)
            pair_weights.append(row["weight"])
        for side in sides:
            text = side[0]["content"]
            sequences.append((row["prompt"], text, row["ends"] or trace_ends(text)))
            labels.append([int(label) for label in row["labels"]] or [UNKNOWN] * STEPS)
            weights.append(row["weight"])
    encoded = encode(tokenizer, sequences)
    padded = tokenizer.pad({"input_ids": [one.ids for one in encoded]}, padding_side="right", return_tensors="pt")
    return {
        "input_ids": padded["input_ids"],
        "attention_mask": padded["attention_mask"],
        "ends": torch.tensor([one.ends for one in encoded]),
        "step_labels": torch.tensor(labels),
        "weights": torch.tensor(weights, dtype=torch.float32),
        "better": torch.tensor(better, dtype=torch.long),
        "worse": torch.tensor(worse, dtype=torch.long),
        "pair_weights": torch.tensor(pair_weights, dtype=torch.float32),
    }


@dataclass(frozen=True)
class Losses:
    """What a batch costs; scalars."""

    total: "Tensor"
    """The sum of both parts by their weights."""
    steps: "Tensor"
    """The weighted mean over labelled steps; 0 where there are none."""
    pairs: "Tensor"
    """The weighted mean over pairs; 0 where there are none."""
    right_steps: "Tensor"
    """The share of labelled steps on the right side of 0; not a number where there are none."""
    right_pairs: "Tensor"
    """The share of pairs in order; not a number where there are none."""

    def detach(self) -> "Losses":
        """The same values without what they were computed from."""
        return Losses(*(getattr(self, one.name).detach() for one in fields(self)))


def read_scores(logits: "Tensor", ends: "Tensor") -> "Tensor":
    """The head's values where steps end: sequences × steps.

    Args:
        logits: sequences × tokens, or with a third dimension of one.
        ends: sequences × steps.
    """
    return logits.reshape(logits.shape[0], logits.shape[1]).float().gather(1, ends)


def reward_loss(scores: "Tensor", batch: Mapping[str, "Tensor"], *, step_weight: float, pair_weight: float) -> Losses:
    """The loss of scores over a batch of `collate`.

    A labelled step costs `-log sigmoid(s)` where it is right and `-log sigmoid(-s)` where it is wrong; a pair costs
    `-log sigmoid(s_better - s_worse)` by the sums of the scores of their steps. Each part is a mean by the
    rows' weights, so that a batch of many pairs and few labels does not count the labels for less.

    Args:
        scores: sequences × steps.
        batch: the rest of the batch.
        step_weight: of the first part.
        pair_weight: of the second.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

    labels = batch["step_labels"]
    known = labels != UNKNOWN
    per_step = binary_cross_entropy_with_logits(scores, labels.clamp(min=0).to(scores.dtype), reduction="none")
    steps = _mean(per_step, known * batch["weights"][:, None])
    margins = (scores[batch["better"]] - scores[batch["worse"]]).sum(dim=1)
    pairs = _mean(-logsigmoid(margins), batch["pair_weights"])
    with torch.no_grad():
        right_steps = ((scores > 0) == (labels > 0))[known].float().mean()
        right_pairs = (margins > 0).float().mean()
    return Losses(step_weight * steps + pair_weight * pairs, steps, pairs, right_steps, right_pairs)


def _mean(values: "Tensor", weights: "Tensor") -> "Tensor":
    """The weighted mean; 0, with a gradient of 0, where nothing has a weight."""
    total = weights.sum()
    return (values * weights).sum() / (total if total > 0 else 1)
