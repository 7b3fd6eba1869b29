"""How a reward model learns: mixed batches of labelled traces and pairs, one loss, and Transformers' Trainer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.inference import Message
from ...schemas.trace import Step
from ..data.fit import LENGTH
from .model import read_scores
from .rows import ANSWERS, encode, trace_ends

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase, Trainer

# PyTorch's own value for a target to ignore.
UNKNOWN = -100
"""The label of a step that has none."""
_LABELS = "step_labels"
# The fields of `Losses` that are logged, and their names in the log.
_LOG_NAMES = {
    "steps": "step_loss",
    "pairs": "pair_loss",
    "right_steps": "step_accuracy",
    "right_pairs": "pair_accuracy",
}


def make_reward_trainer(
    training: Any,
    model: Any,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Mapping[Split, "Dataset"],
    *,
    step_weight: float,
    pair_weight: float,
) -> "Trainer":
    """The trainer of a reward model, ready to train.

    Args:
        training: Transformers' arguments.
        model: of `model.load_scorer`, or an adapter over it.
        tokenizer: the model's.
        rows: rows that fit; those of `validation` only if the recipe evaluates.
        step_weight: of the labelled steps in the loss.
        pair_weight: of the pairs in the loss.
    """
    # The collator needs columns that no model has as an argument.
    training.remove_unused_columns = False
    training.length_column_name = LENGTH
    training.label_names = [_LABELS]
    return _trainer_class(step_weight, pair_weight)(
        model=model,
        args=training,
        processing_class=tokenizer,
        data_collator=partial(collate, tokenizer),
        train_dataset=rows[Split.TRAIN],
        eval_dataset=rows.get(Split.VALIDATION),
    )


def _trainer_class(step_weight: float, pair_weight: float) -> type["Trainer"]:
    from transformers import Trainer

    class RewardTrainer(Trainer):  # type: ignore[misc]  # Transformers has no types of its own
        """Uses `reward_loss`, and logs the means of its parts beside the total."""

        # The loss is a mean over the batch already, which the trainer must divide by the accumulation steps.
        loss_is_scaled_for_ga = False

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            # Evaluation runs between two training logs: the two must not share a list.
            self._unlogged: dict[bool, list[Losses]] = {True: [], False: []}

        def compute_loss(
            self, model: Any, inputs: dict[str, "Tensor"], return_outputs: bool = False, **_: Any
        ) -> "Tensor | tuple[Tensor, Any]":
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
            scores = read_scores(outputs.logits, inputs["ends"])
            losses = reward_loss(scores, inputs, step_weight=step_weight, pair_weight=pair_weight)
            self._unlogged[self.model.training].append(losses.detach())
            return (losses.total, outputs) if return_outputs else losses.total

        def log(self, logs: dict[str, float], *rest: Any) -> None:
            prefix = "" if "loss" in logs else "eval_" if "eval_loss" in logs else None
            if prefix is not None:
                losses = self._unlogged[self.model.training]
                logs |= {f"{prefix}{name}": value for name, value in _means(losses).items()}
                losses.clear()
            super().log(logs, *rest)

    return RewardTrainer


def collate(tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Any]]) -> dict[str, "Tensor"]:
    """A batch of rows in the form of `load_reward_rows`.

    Returns:
        `input_ids` and `attention_mask` (sequences × tokens, padded on the right; a pair gives two sequences), `ends`
        and `step_labels` (sequences × steps; `UNKNOWN` for a pair), `weights` (sequences); and for the pairs `better`
        and `worse` (indices of their sequences) and `pair_weights`.
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
            labels.append([int(label) for label in row["labels"]] or [UNKNOWN] * len(Step))
            weights.append(row["weight"])
    encoded = encode(tokenizer, sequences)
    padded = tokenizer.pad({"input_ids": [one.ids for one in encoded]}, padding_side="right", return_tensors="pt")
    return {
        "input_ids": padded["input_ids"],
        "attention_mask": padded["attention_mask"],
        "ends": torch.tensor([one.ends for one in encoded]),
        _LABELS: torch.tensor(labels),
        "weights": torch.tensor(weights, dtype=torch.float32),
        "better": torch.tensor(better, dtype=torch.long),
        "worse": torch.tensor(worse, dtype=torch.long),
        "pair_weights": torch.tensor(pair_weights, dtype=torch.float32),
    }


@dataclass(frozen=True)
class Losses:
    """The loss of a batch and its parts; scalars."""

    total: "Tensor"
    """The weighted sum of both parts."""
    steps: "Tensor"
    """The weighted mean over labelled steps; 0 without any."""
    pairs: "Tensor"
    """The weighted mean over pairs; 0 without any."""
    right_steps: "Tensor"
    """The share of labelled steps on the right side of 0; NaN without any."""
    right_pairs: "Tensor"
    """The share of pairs in order; NaN without any."""

    def detach(self) -> "Losses":
        return Losses(*(getattr(self, one.name).detach() for one in fields(self)))


def reward_loss(scores: "Tensor", batch: Mapping[str, "Tensor"], *, step_weight: float, pair_weight: float) -> Losses:
    """The loss of scores (sequences × steps) over a batch of `collate`. Our own design.

    A labelled step costs `-log sigmoid(s)` if it is right and `-log sigmoid(-s)` if it is wrong. A pair costs
    `-log sigmoid(s_better - s_worse)` of the summed scores of its steps (Bradley and Terry 1952). Each part is a mean
    by the rows' weights, so that many pairs in a batch do not reduce the influence of a few labels.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

    labels = batch[_LABELS]
    known = labels != UNKNOWN
    # Clamped only so that unknown labels are valid input; their weight is zero.
    per_step = binary_cross_entropy_with_logits(scores, labels.clamp(min=0).to(scores.dtype), reduction="none")
    steps = _weighted_mean(per_step, known * batch["weights"][:, None])
    margins = (scores[batch["better"]] - scores[batch["worse"]]).sum(dim=1)
    pairs = _weighted_mean(-logsigmoid(margins), batch["pair_weights"])
    with torch.no_grad():
        right_steps = ((scores > 0) == (labels > 0))[known].float().mean()
        right_pairs = (margins > 0).float().mean()
    return Losses(step_weight * steps + pair_weight * pairs, steps, pairs, right_steps, right_pairs)


# 0, with a gradient of 0, if all weights are 0.
def _weighted_mean(values: "Tensor", weights: "Tensor") -> "Tensor":
    total = weights.sum()
    return (values * weights).sum() / (total if total > 0 else 1)


# The mean of each logged part over the batches that have it.
def _means(losses: Sequence[Losses]) -> dict[str, float]:
    found = {}
    for field, name in _LOG_NAMES.items():
        values = [value for one in losses if not isnan(value := float(getattr(one, field)))]
        if values:
            found[name] = sum(values) / len(values)
    return found
