"""Labelled traces and pairs of traces in one shape, so that a batch can hold both."""

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.inference import Message
from ...schemas.trace import Step
from ..data.chosen import Chosen
from ..data.release import PinnedRelease

if TYPE_CHECKING:
    from datasets import Dataset, Features

ANSWERS = ("trace", "worse")
"""The columns with traces, lists of one message: a labelled or a preferred trace, and the worse one of a pair.

Of a labelled trace `worse` is empty.
"""
_STEPS = ("prompt", "completions", "labels", "weight", "dialogue_id")
_PAIRS = ("prompt", "chosen", "rejected", "weight", "dialogue_id")


def load_reward_rows(data: Chosen | PinnedRelease, split: Split) -> "Dataset":
    """The rows of `reasoning_steps`, then those of `reasoning_pairs`; none where neither has any in this split.

    Columns: `prompt`, `trace`, `worse` (messages), `labels` (a truth value a step; none of a pair), `ends` (where the
    text of each labelled step ends in the trace, in characters), `weight`, `dialogue_id`.
    """
    from datasets import Dataset, concatenate_datasets

    chosen, parts = Chosen.of(data), []
    for config, columns, shape in (
        (Config.REASONING_STEPS, _STEPS, _labelled),
        (Config.REASONING_PAIRS, _PAIRS, _paired),
    ):
        for path in chosen.tables(config, split):
            shard = chosen.read(path, columns)
            gone = [name for name in columns if name not in _features()]
            parts.append(shard.map(shape, batched=True, remove_columns=gone, features=_features()))
    return concatenate_datasets(parts) if parts else Dataset.from_dict({name: [] for name in _features()})


def _labelled(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Traces whose steps have labels."""
    return {
        **{name: batch[name] for name in ("prompt", "labels", "weight", "dialogue_id")},
        "trace": [_said("\n".join(steps)) for steps in batch["completions"]],
        "worse": [[] for _ in batch["prompt"]],
        "ends": [step_ends(steps) for steps in batch["completions"]],
    }


def _paired(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Traces of which one is better."""
    return {
        **{name: batch[name] for name in ("prompt", "weight", "dialogue_id")},
        "trace": batch["chosen"],
        "worse": batch["rejected"],
        "labels": [[] for _ in batch["prompt"]],
        "ends": [[] for _ in batch["prompt"]],
    }


def step_ends(steps: list[str] | tuple[str, ...]) -> list[int]:
    """Where each of several steps ends, in characters, in the text that they make when joined by line breaks."""
    return list(accumulate((len(step) for step in steps), lambda end, length: end + 1 + length))


def trace_ends(text: str) -> list[int]:
    """Where each step ends in the text form of a trace, in characters; one whose end is missing ends with the text.

    A trace holds no tag inside its steps, so the first one is the step's own.
    """
    ends = [0]
    for tag in (f"</{step}>" for step in Step):
        found = text.find(tag, ends[-1])
        ends.append(found + len(tag) if found >= 0 else len(text))
    return ends[1:]


def _said(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _features() -> "Features":
    from datasets import Features, List, Value

    messages = List({"role": Value("string"), "content": Value("string")})
    return Features(
        {
            "prompt": messages,
            "trace": messages,
            "worse": messages,
            "labels": List(Value("bool")),
            "ends": List(Value("int64")),
            "weight": Value("float64"),
            "dialogue_id": Value("string"),
        }
    )
