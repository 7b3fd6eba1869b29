"""The training data of a reward model: labelled traces and pairs of traces in one shape, so that a batch can hold both.

The model is read at the last token of each step, so `encode` keeps these positions beside the tokens of a trace.
"""

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
from ..data.release import PinnedRelease, SelectedData

if TYPE_CHECKING:
    from datasets import Dataset, Features
    from transformers import PreTrainedTokenizerBase

ANSWERS = ("trace", "worse")
"""The columns with traces, each a list of one message: a labelled or preferred trace, and the worse one of a pair.

`worse` is empty for a labelled trace.
"""
_STEPS = ("prompt", "completions", "labels", "weight", "dialogue_id")
_PAIRS = ("prompt", "chosen", "rejected", "weight", "dialogue_id")


def load_reward_rows(data: SelectedData | PinnedRelease, split: Split) -> "Dataset":
    """The rows of `reasoning_steps`, then those of `reasoning_pairs`; an empty table if the split has neither.

    Columns: `prompt`, `trace`, `worse` (messages), `labels` (one boolean a step; empty for a pair), `ends` (where each
    labelled step ends in the trace, in characters), `weight`, `dialogue_id`.
    """
    from datasets import Dataset, concatenate_datasets

    selected, parts = SelectedData.of(data), []
    for config, columns, shape in (
        (Config.REASONING_STEPS, _STEPS, _labelled),
        (Config.REASONING_PAIRS, _PAIRS, _paired),
    ):
        for path in selected.tables(config, split):
            shard = selected.read(path, columns)
            replaced = [name for name in columns if name not in _features()]
            parts.append(shard.map(shape, batched=True, remove_columns=replaced, features=_features()))
    return concatenate_datasets(parts) if parts else Dataset.from_dict({name: [] for name in _features()})


def _labelled(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        **{name: batch[name] for name in ("prompt", "labels", "weight", "dialogue_id")},
        "trace": [[{"role": "assistant", "content": "\n".join(steps)}] for steps in batch["completions"]],
        "worse": [[] for _ in batch["prompt"]],
        "ends": [step_ends(steps) for steps in batch["completions"]],
    }


def _paired(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        **{name: batch[name] for name in ("prompt", "weight", "dialogue_id")},
        "trace": batch["chosen"],
        "worse": batch["rejected"],
        "labels": [[] for _ in batch["prompt"]],
        "ends": [[] for _ in batch["prompt"]],
    }


def step_ends(steps: Sequence[str]) -> list[int]:
    """Where each step ends, in characters, in the steps joined by line breaks."""
    return list(accumulate((len(step) for step in steps), lambda end, length: end + 1 + length))


def trace_ends(text: str) -> list[int]:
    """Where each step ends in the text of a trace, in characters; a step without a closing tag ends with the text."""
    # A step's text contains no tag, so the first closing tag found is the step's own.
    ends = [0]
    for tag in (f"</{step}>" for step in Step):
        found = text.find(tag, ends[-1])
        ends.append(found + len(tag) if found >= 0 else len(text))
    return ends[1:]


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


@dataclass(frozen=True)
class Encoded:
    """The tokens of a prompt with a trace."""

    ids: list[int]
    """They stop at the last token of the trace, without the end of the turn."""
    ends: list[int]
    """The index of the last token of each step."""


def encode(
    tokenizer: "PreTrainedTokenizerBase", traces: Sequence[tuple[list[Message], str, Sequence[int]]]
) -> list[Encoded]:
    """The tokens of each trace after its prompt.

    Args:
        tokenizer: the model's; must be a fast one, which maps tokens to characters.
        traces: prompt, text of the trace, and where its steps end in that text, in characters.

    Raises:
        UsageError: the tokenizer is not a fast one, or its template refuses the messages.
    """
    if not traces:
        return []
    prompts = [_render_prompt(tokenizer, prompt) for prompt, _, _ in traces]
    texts = [before + text for before, (_, text, _) in zip(prompts, traces, strict=True)]
    found = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    encoded = []
    for before, (_, _, ends), ids, offsets in zip(
        prompts, traces, found["input_ids"], found["offset_mapping"], strict=True
    ):
        starts = [start for start, _ in offsets]
        # The last token that starts before the end of the step: it may contain the line break after the step as well.
        last = [bisect_right(starts, len(before) + end - 1) - 1 for end in ends]
        encoded.append(Encoded(list(ids), last))
    return encoded


def measure_traces(tokenizer: "PreTrainedTokenizerBase") -> Measure:
    """Counts the tokens that `encode` gives; a conversation without an answer counts as its prompt."""

    def measure(conversations: Sequence[list[Message]]) -> list[int]:
        traces = [_split_answer(messages) for messages in conversations]
        return [len(one.ids) for one in encode(tokenizer, traces)]

    return measure


def _split_answer(messages: list[Message]) -> tuple[list[Message], str, Sequence[int]]:
    if messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"], ()
    return messages, "", ()


def _render_prompt(tokenizer: Any, prompt: list[Message]) -> str:
    from jinja2 import TemplateError

    where = Path(tokenizer.name_or_path).name
    if not tokenizer.is_fast:
        raise UsageError(f"{where}: its tokenizer cannot map tokens to text; use a model with a fast tokenizer")
    try:
        return str(tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True))
    except TemplateError as error:
        raise UsageError(f"{where}: its chat template refuses the rows' messages: {error}") from error
