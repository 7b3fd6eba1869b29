"""Labelled traces and pairs of traces in one shape, so that a batch can hold both."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.errors import UsageError
from ...schemas.inference import Message
from ...schemas.trace import Step
from ..data.fit import Measure
from ..data.release import SelectedData, PinnedRelease

if TYPE_CHECKING:
    from datasets import Dataset, Features
    from transformers import PreTrainedTokenizerBase

ANSWERS = ("trace", "worse")
"""The columns with traces, lists of one message: a labelled or a preferred trace, and the worse one of a pair.

Of a labelled trace `worse` is empty.
"""
_STEPS = ("prompt", "completions", "labels", "weight", "dialogue_id")
_PAIRS = ("prompt", "chosen", "rejected", "weight", "dialogue_id")


def load_reward_rows(data: SelectedData | PinnedRelease, split: Split) -> "Dataset":
    """The rows of `reasoning_steps`, then those of `reasoning_pairs`; none where neither has any in this split.

    Columns: `prompt`, `trace`, `worse` (messages), `labels` (a truth value a step; none of a pair), `ends` (where the
    text of each labelled step ends in the trace, in characters), `weight`, `dialogue_id`.
    """
    from datasets import Dataset, concatenate_datasets

    chosen, parts = SelectedData.of(data), []
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


# A trace as tokens, and the tokens at which its steps end: where the reward model's head is read.


@dataclass(frozen=True)
class Encoded:
    """A prompt with a trace."""

    ids: list[int]
    """Its tokens; the last one is the last of the trace, without the end of the turn."""
    ends: list[int]
    """The place of the last token of each step."""


def encode(
    tokenizer: "PreTrainedTokenizerBase", traces: Sequence[tuple[list[Message], str, Sequence[int]]]
) -> list[Encoded]:
    """Each trace after its prompt.

    Args:
        tokenizer: the model's.
        traces: prompts with the text of the trace, and where its steps end in that text, in characters.

    Raises:
        UsageError: the tokenizer cannot say where in the text a token stands, or refuses the messages.
    """
    if not traces:
        return []
    begun = [_begin(tokenizer, prompt) for prompt, _, _ in traces]
    texts = [before + text for before, (_, text, _) in zip(begun, traces, strict=True)]
    found = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    encoded = []
    for before, (_, _, ends), ids, offsets in zip(
        begun, traces, found["input_ids"], found["offset_mapping"], strict=True
    ):
        starts = [start for start, _ in offsets]
        # A token that holds the last character may hold the line break after it, too.
        last = [bisect_right(starts, len(before) + end - 1) - 1 for end in ends]
        encoded.append(Encoded(list(ids), last))
    return encoded


def measure_traces(tokenizer: "PreTrainedTokenizerBase") -> Measure:
    """Counts the tokens of conversations as `encode` makes them; one without an answer counts as its prompt."""

    def measure(conversations: Sequence[list[Message]]) -> list[int]:
        traces = [_divide(messages) for messages in conversations]
        return [len(one.ids) for one in encode(tokenizer, traces)]

    return measure


def _divide(messages: list[Message]) -> tuple[list[Message], str, Sequence[int]]:
    if messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"], ()
    return messages, "", ()


def _begin(tokenizer: Any, prompt: list[Message]) -> str:
    """The prompt's text up to where an answer begins."""
    from jinja2 import TemplateError

    where = Path(tokenizer.name_or_path).name
    if not tokenizer.is_fast:
        raise UsageError(f"{where}: its tokenizer does not say where a token stands; use a model with a fast one")
    try:
        return str(tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True))
    except TemplateError as error:
        raise UsageError(f"{where}: its chat template refuses the rows' messages: {error}") from error
