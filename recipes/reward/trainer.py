"""Transformers' Trainer over mixed batches; all that is ours of it is which loss it takes."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ..data.fit import LENGTH
from .loss import Losses, collate, read_scores, reward_loss

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase, Trainer

HEAD = {"num_labels": 1, "token_classification_bias": False, "classifier_dropout": 0.0}
"""The head: a token classifier of one value. Without a constant and dropout it is also a sequence classifier's head,

so that one checkpoint serves as both: for all steps by `AutoModelForTokenClassification`, for the reply alone by
`AutoModelForSequenceClassification`, which reads the last token."""

_LABELS = "step_labels"
_NAMES = {"steps": "step_loss", "pairs": "pair_loss", "right_steps": "step_accuracy", "right_pairs": "pair_accuracy"}
"""What is logged of a batch."""


def make_reward_trainer(
    training: Any,
    model: Any,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Mapping[Split, "Dataset"],
    *,
    step_weight: float,
    pair_weight: float,
) -> "Trainer":
    """The trainer, ready to train.

    Args:
        training: Transformers' arguments.
        model: a token classifier with `HEAD`.
        tokenizer: the model's.
        rows: that fit; of `validation` only where the recipe evaluates.
        step_weight: of the labelled steps in the loss.
        pair_weight: of the pairs.
    """
    from transformers import Trainer

    class RewardTrainer(Trainer):  # type: ignore[misc]  # Transformers has no types of its own
        """Takes `reward_loss`, and logs its parts beside their sum."""

        loss_is_scaled_for_ga = False

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self._seen: dict[bool, list[Losses]] = {True: [], False: []}

        def compute_loss(
            self, model: Any, inputs: dict[str, "Tensor"], return_outputs: bool = False, **_: Any
        ) -> "Tensor | tuple[Tensor, Any]":
            """The loss of a batch of `collate`."""
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
            scores = read_scores(outputs.logits, inputs["ends"])
            losses = reward_loss(scores, inputs, step_weight=step_weight, pair_weight=pair_weight)
            self._parts().append(losses.detach())
            return (losses.total, outputs) if return_outputs else losses.total

        def log(self, logs: dict[str, float], *rest: Any) -> None:
            """Adds the means of the parts since the last time."""
            prefix = "" if "loss" in logs else "eval_" if "eval_loss" in logs else None
            if prefix is not None:
                logs |= {f"{prefix}{name}": value for name, value in _means(self._parts()).items()}
                self._parts().clear()
            super().log(logs, *rest)

        def _parts(self) -> list[Losses]:
            return self._seen[self.model.training]

    training.remove_unused_columns = False
    training.length_column_name = LENGTH
    training.label_names = [_LABELS]
    return RewardTrainer(
        model=model,
        args=training,
        processing_class=tokenizer,
        data_collator=partial(collate, tokenizer),
        train_dataset=rows[Split.TRAIN],
        eval_dataset=rows.get(Split.VALIDATION),
    )


def _means(parts: list[Losses]) -> dict[str, float]:
    """The mean of each part over the batches that have it."""
    found = {}
    for name, told in _NAMES.items():
        values = [value for one in parts if (value := float(getattr(one, name))) == value]
        if values:
            found[told] = sum(values) / len(values)
    return found
