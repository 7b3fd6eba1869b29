"""Mixed batches of labelled traces and pairs, as tensors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.inference import Message
from ...schemas.trace import Step
from .encode import encode
from .rows import ANSWERS, trace_ends

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

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
