"""Rows of a release as a trainer takes them: each within the length, its prompt cut from the left where it was longer.

TRL cuts from the right, where the answer stands, and silently drops a row that has no answer left. Here only the
dialogue is cut, by whole turns, and every row is counted.

A prompt is system messages, then the dialogue. A dialogue is either a transcript, one turn a line (`seeker: …`), whose
other lines are instructions and stay, or chat messages. Those are cut so that the first one left is the seeker's,
since chat templates want user and assistant to alternate, user first.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.dialogue import Speaker, Split
from ...schemas.errors import DataError, UsageError
from ...schemas.inference import Message
from .release import PinnedRelease, SelectedData

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

LENGTH = "length"
"""The column with a row's tokens: the prompt with its longest answer."""
_TURNS_CUT = "turns_cut"
_SPEAKERS = tuple(f"{speaker}: " for speaker in Speaker)

Measure = Callable[[Sequence[list[Message]]], list[int]]
"""Counts the tokens of each of several conversations."""


class RowCounts(Frozen):
    """Rows of a split by what became of them; `read` is the sum of `used` and `dropped`."""

    available: int = Field(ge=0)
    """Rows of the selected dialogues in the release; for GRPO its prompts, each once."""
    read: int = Field(ge=0)
    """Rows that were read: all, or those that were drawn if the recipe limits them."""
    used: int = Field(ge=0)
    """Rows that the run trains or evaluates on."""
    cut: int = Field(ge=0)
    """Used rows that lost turns at the beginning of their dialogue."""
    turns_cut: int = Field(ge=0)
    """Turns that they lost."""
    dropped: int = Field(ge=0)
    """Rows that are too long even with only the last turn of the dialogue."""


def load_rows(
    data: SelectedData | PinnedRelease, config: Config, split: Split, answers: Sequence[str], others: Sequence[str] = ()
) -> "Dataset":
    """The prompts, answers and other columns of a config's split, for the selected dialogues.

    Raises:
        DataError: it has no rows.
    """
    from datasets import concatenate_datasets

    selected = SelectedData.of(data)
    columns = ["prompt", *answers, *others]
    shards = [shard for path in selected.tables(config, split) if len(shard := selected.read(path, columns))]
    if not shards:
        raise no_rows(selected, [config], split)
    return concatenate_datasets(shards)


def no_rows(data: SelectedData, configs: Sequence[Config], split: Split) -> DataError:
    """The error to raise if a split of a recipe's configs is empty."""
    named = f"config {configs[0]} has" if len(configs) == 1 else f"configs {' and '.join(configs)} have"
    hint = "" if split is Split.TRAIN else "; set eval_strategy=no to train without it"
    return DataError(f"{data.name}: {named} no rows in split {split}{hint}")


def draw_rows(rows: "Dataset", most: int | None, seed: int) -> "Dataset":
    """At most `most` rows, drawn by the seed; all rows in their order if there are no more, or `most` is None."""
    if most is None or len(rows) <= most:
        return rows
    # Drawn, not the first: a table is in the order of its sources, and its beginning is one source alone.
    return rows.shuffle(seed=seed).select(range(most))


def fit_rows(
    rows: "Dataset", answers: Sequence[str], measure: Measure, max_length: int | None, processes: int | None = None
) -> tuple["Dataset", RowCounts]:
    """The rows that fit, with prompts cut as needed and the column `length`, and the counts of all rows.

    Args:
        rows: with `prompt` and `answers`, each a list of messages; other columns are kept.
        answers: the columns with answers; all of them must fit after the same prompt.
        measure: counts tokens.
        max_length: tokens of a prompt with an answer; None keeps every row as it is.
        processes: worker processes; None works in this one.
    """

    def fit(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        return _fit_batch(batch, answers, measure, max_length)

    # No cache: the key of a closure does not cover the functions that it calls, so that a change to one of them would
    # find the rows of the old code.
    fitted = rows.map(
        fit, batched=True, batch_size=256, num_proc=processes, load_from_cache_file=False, desc="Fitting rows"
    )
    # If no row fits, `map` adds no column.
    cut = [turns for turns in fitted[_TURNS_CUT] if turns] if len(fitted) else []
    counts = RowCounts(
        available=len(rows),
        read=len(rows),
        used=len(fitted),
        cut=len(cut),
        turns_cut=sum(cut),
        dropped=len(rows) - len(fitted),
    )
    return fitted.remove_columns(_TURNS_CUT) if len(fitted) else fitted, counts


def _fit_batch(
    batch: Mapping[str, list[Any]], answers: Sequence[str], measure: Measure, max_length: int | None
) -> dict[str, list[Any]]:
    columns = [batch["prompt"], *(batch[name] for name in answers)]
    others = [name for name in batch if name not in ("prompt", *answers)]
    kept: dict[str, list[Any]] = {name: [] for name in ("prompt", *answers, LENGTH, _TURNS_CUT, *others)}
    lengths = _lengths(list(zip(*columns, strict=True)), measure)
    for place, (length, (prompt, *sides)) in enumerate(zip(lengths, zip(*columns, strict=True), strict=True)):
        if max_length is not None and length > max_length:
            longest = partial(_longest, answers=sides, measure=measure)
            # Without its last turn a prompt asks for something else, so such a row is dropped and counted.
            if (short := shorten(prompt, longest, max_length)) is None:
                continue
            fitted = (short, *sides, longest(short), count_turns(prompt) - count_turns(short))
        else:
            fitted = (prompt, *sides, length, 0)
        for name, cell in zip(kept, (*fitted, *(batch[name][place] for name in others)), strict=True):
            kept[name].append(cell)
    return kept


# The tokens of each row, a prompt and its answers: the prompt with the longest answer.
def _lengths(rows: Sequence[tuple[list[Message], ...]], measure: Measure) -> list[int]:
    if not rows:
        return []
    sides = len(rows[0]) - 1
    tokens = measure([[*prompt, *side] for prompt, *answers in rows for side in answers])
    return [max(tokens[at : at + sides]) for at in range(0, len(tokens), sides)]


def _longest(prompt: list[Message], answers: Sequence[list[Message]], measure: Measure) -> int:
    return _lengths([(prompt, *answers)], measure)[0]


def shorten(prompt: Sequence[Message], length: Callable[[list[Message]], int], most: int) -> list[Message] | None:
    """Drops as few of the oldest turns as needed; None if even the last turn alone is too long.

    Args:
        prompt: system messages, then the dialogue.
        length: counts the tokens of a prompt with everything that must fit after it; falls as turns are dropped.
        most: maximum of `length`.
    """
    steps = range(count_steps(prompt) + 1)
    # A binary search, because each look renders and counts the whole prompt.
    least = bisect_left(steps, True, key=lambda step: length(drop_oldest(prompt, step)) <= most)
    return drop_oldest(prompt, least) if least in steps else None


def count_steps(prompt: Sequence[Message]) -> int:
    """How many times `drop_oldest` can shorten a prompt; after that only the last turn of the dialogue is left."""
    _, dialogue = _split_system(prompt)
    if _is_transcript(dialogue):
        return len(_turn_lines(dialogue[0]["content"])) - 1
    return max(0, len(_seeker_places(dialogue)) - 1)


def drop_oldest(prompt: Sequence[Message], steps: int) -> list[Message]:
    """The prompt without its oldest turns: those before the seeker's next message, or lines of a transcript.

    Raises:
        ValueError: `steps` is not between 0 and `count_steps(prompt)`.
    """
    if not 0 <= steps <= count_steps(prompt):
        raise ValueError(f"a prompt of {count_steps(prompt)} steps cannot be shortened {steps} times")
    system, dialogue = _split_system(prompt)
    if not steps:
        return [*system, *dialogue]
    if _is_transcript(dialogue):
        lines = dialogue[0]["content"].split("\n")
        dropped = set(_turn_lines(dialogue[0]["content"])[:steps])
        kept = "\n".join(line for place, line in enumerate(lines) if place not in dropped)
        return [*system, {**dialogue[0], "content": kept}]
    # Cut before a seeker's message: some chat templates refuse a dialogue that begins with the assistant.
    return [*system, *dialogue[_seeker_places(dialogue)[steps] :]]


def count_turns(prompt: Sequence[Message]) -> int:
    """The turns of the dialogue in a prompt: lines of a transcript, or messages of a chat."""
    _, dialogue = _split_system(prompt)
    return len(_turn_lines(dialogue[0]["content"])) if _is_transcript(dialogue) else len(dialogue)


def _split_system(prompt: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    first = next((place for place, message in enumerate(prompt) if message["role"] != "system"), len(prompt))
    return list(prompt[:first]), list(prompt[first:])


def _is_transcript(dialogue: Sequence[Message]) -> bool:
    return len(dialogue) == 1 and bool(_turn_lines(dialogue[0]["content"]))


def _turn_lines(content: str) -> list[int]:
    return [place for place, line in enumerate(content.split("\n")) if line.startswith(_SPEAKERS)]


def _seeker_places(dialogue: Sequence[Message]) -> list[int]:
    return [place for place, message in enumerate(dialogue) if message["role"] == "user"]


def measure_with(tokenizer: "PreTrainedTokenizerBase") -> Measure:
    """Counts tokens as the trainer does, under the tokenizer's own chat template; raises as `token_ids` does."""
    # All at once, since tokenizers work on batches in parallel.
    return lambda conversations: [len(ids) for ids in token_ids(tokenizer, conversations)]


def token_ids(
    tokenizer: "PreTrainedTokenizerBase", conversations: Sequence[list[Message]], *, add_generation_prompt: bool = False
) -> list[list[int]]:
    """The tokens of several conversations under the tokenizer's chat template.

    Args:
        tokenizer: of the model.
        conversations: each a list of messages.
        add_generation_prompt: adds the tokens with which an answer begins.

    Raises:
        UsageError: the template refuses the messages.
    """
    from jinja2 import TemplateError

    try:
        found = tokenizer.apply_chat_template(
            list(conversations), tokenize=True, return_dict=True, add_generation_prompt=add_generation_prompt
        )
    except TemplateError as error:
        where = Path(tokenizer.name_or_path).name
        raise UsageError(f"{where}: its chat template refuses the rows' messages: {error}") from error
    return list(found["input_ids"])
