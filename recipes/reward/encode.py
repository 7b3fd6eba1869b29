"""A trace as tokens, and the tokens at which its steps end: where the reward model's head is read."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ...schemas.inference import Message
from ..data.fit import Measure

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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
