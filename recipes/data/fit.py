"""Rows of a release as a trainer takes them: every row within the length, cut from the left where it was longer.

TRL cuts from the right, where the answer stands, and leaves out without a word what has no answer left. Here only the
dialogue is cut, and what becomes of every row is counted.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.dialogue import Speaker, Split
from ...schemas.errors import DataError, UsageError
from ...schemas.inference import Message
from .release import Chosen, PinnedRelease

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

# Shortens a prompt by its oldest turns: the system prompt and the last turn stay, the order stays, turns stay whole.
#
# What a turn is depends on how the dialogue stands in the prompt. A transcript has one a line (`seeker: …`); its other
# lines are instructions and stay. Chat messages go in such a way that the first one left is the seeker's, since chat
# templates want user and assistant to alternate from a user message on.


_SPEAKERS = tuple(f"{speaker}: " for speaker in Speaker)


def count_steps(prompt: Sequence[Message]) -> int:
    """How many times a prompt can be shortened before nothing but its last turn is left of the dialogue."""
    _, dialogue = _parts(prompt)
    if _is_transcript(dialogue):
        return len(_turn_lines(dialogue[0]["content"])) - 1
    return max(0, len(_seeker_places(dialogue)) - 1)


def drop_oldest(prompt: Sequence[Message], steps: int) -> list[Message]:
    """The prompt, shortened `steps` times.

    Args:
        prompt: system messages, then the dialogue.
        steps: from 0 to what `count_steps` gives.

    Raises:
        ValueError: there are fewer steps than that.
    """
    if not 0 <= steps <= count_steps(prompt):
        raise ValueError(f"a prompt of {count_steps(prompt)} steps cannot be shortened {steps} times")
    system, dialogue = _parts(prompt)
    if not steps:
        return [*system, *dialogue]
    if _is_transcript(dialogue):
        lines = dialogue[0]["content"].split("\n")
        dropped = set(_turn_lines(dialogue[0]["content"])[:steps])
        kept = "\n".join(line for place, line in enumerate(lines) if place not in dropped)
        return [*system, {**dialogue[0], "content": kept}]
    return [*system, *dialogue[_seeker_places(dialogue)[steps] :]]


def count_turns(prompt: Sequence[Message]) -> int:
    """The turns of the dialogue in a prompt: lines of a transcript, or messages of a chat."""
    _, dialogue = _parts(prompt)
    return len(_turn_lines(dialogue[0]["content"])) if _is_transcript(dialogue) else len(dialogue)


def _parts(prompt: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """The system messages that a prompt begins with, and the rest."""
    first = next((place for place, message in enumerate(prompt) if message["role"] != "system"), len(prompt))
    return list(prompt[:first]), list(prompt[first:])


def _is_transcript(dialogue: Sequence[Message]) -> bool:
    return len(dialogue) == 1 and bool(_turn_lines(dialogue[0]["content"]))


def _turn_lines(content: str) -> list[int]:
    return [place for place, line in enumerate(content.split("\n")) if line.startswith(_SPEAKERS)]


def _seeker_places(dialogue: Sequence[Message]) -> list[int]:
    return [place for place, message in enumerate(dialogue) if message["role"] == "user"]


LENGTH = "length"
"""The column with a row's tokens: of its longest answer with the prompt."""
_TURNS_CUT = "turns_cut"

Measure = Callable[[Sequence[list[Message]]], list[int]]
"""The tokens of each of several conversations."""


class RowCounts(Frozen):
    """What became of the rows of a split; `read` is `used` and `dropped` together."""

    available: int = Field(ge=0)
    """Rows in the release, of the dialogues that were chosen; of GRPO its prompts, each once."""
    read: int = Field(ge=0)
    """Rows that were looked at: all, or those that were drawn where a recipe wants no more."""
    used: int = Field(ge=0)
    """Rows that are trained or evaluated on."""
    cut: int = Field(ge=0)
    """Used rows that lost turns at the beginning of their dialogue."""
    turns_cut: int = Field(ge=0)
    """Turns that they lost."""
    dropped: int = Field(ge=0)
    """Rows that are too long even with nothing but the last turn of the dialogue."""


def load_rows(
    data: Chosen | PinnedRelease, config: Config, split: Split, answers: Sequence[str], others: Sequence[str] = ()
) -> "Dataset":
    """The prompts, answers and other columns of a config's split, of the dialogues that were chosen.

    Raises:
        DataError: it has no rows.
    """
    from datasets import concatenate_datasets

    chosen = Chosen.of(data)
    columns = ["prompt", *answers, *others]
    shards = [shard for path in chosen.tables(config, split) if len(shard := chosen.read(path, columns))]
    if not shards:
        raise no_rows(chosen, [config], split)
    return concatenate_datasets(shards)


def no_rows(data: Chosen, configs: Sequence[Config], split: Split) -> DataError:
    """What is said where a split of the configs that a recipe trains on is empty."""
    named = f"config {configs[0]} has" if len(configs) == 1 else f"configs {' and '.join(configs)} have"
    hint = "" if split is Split.TRAIN else "; eval_strategy=no trains without it"
    return DataError(f"{data.name}: {named} no rows in split {split}{hint}")


def draw_rows(rows: "Dataset", most: int | None, seed: int) -> "Dataset":
    """At most so many rows, drawn by the seed; all of them, in order, where there are no more or `most` is None."""
    if most is None or len(rows) <= most:
        return rows
    return rows.shuffle(seed=seed).select(range(most))


def fit_rows(
    rows: "Dataset", answers: Sequence[str], measure: Measure, max_length: int | None, processes: int | None = None
) -> tuple["Dataset", RowCounts]:
    """The rows that fit, cut where they had to be, with the column `length`; and what became of each.

    Args:
        rows: with `prompt` and `answers`, each a list of messages; other columns stay as they are.
        answers: the columns with answers; all of them must fit after the same prompt.
        measure: counts tokens.
        max_length: tokens of a prompt with an answer; None leaves every row as it is.
        processes: that share the work; this one alone where it is None.
    """

    def fit(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        return _fit_batch(batch, answers, measure, max_length)

    # What is cached by the code of a closure is looked up wrongly after that code's helpers change.
    fitted = rows.map(
        fit, batched=True, batch_size=256, num_proc=processes, load_from_cache_file=False, desc="Fitting rows"
    )
    # Where no row fits, no column was made.
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
        found = (prompt, length) if max_length is None else _fit_prompt(prompt, sides, length, measure, max_length)
        if found is None:
            continue
        turns_cut = count_turns(prompt) - count_turns(found[0])
        cells = (found[0], *sides, found[1], turns_cut, *(batch[name][place] for name in others))
        for name, cell in zip(kept, cells, strict=True):
            kept[name].append(cell)
    return kept


def _fit_prompt(
    prompt: list[Message], sides: Sequence[list[Message]], length: int, measure: Measure, max_length: int
) -> tuple[list[Message], int] | None:
    """The least shortened prompt that fits with every side, and its length; None where none does."""
    if length <= max_length:
        return prompt, length

    def length_after(steps: int) -> int:
        return _lengths([(drop_oldest(prompt, steps), *sides)], measure)[0]

    steps = range(count_steps(prompt) + 1)
    least = bisect_left(steps, True, lo=1, key=lambda step: length_after(step) <= max_length)
    return (drop_oldest(prompt, least), length_after(least)) if least in steps else None


def _lengths(rows: Sequence[tuple[list[Message], ...]], measure: Measure) -> list[int]:
    """The tokens of each row: of its longest side with the prompt."""
    if not rows:
        return []
    sides = len(rows[0]) - 1
    tokens = measure([[*prompt, *side] for prompt, *answers in rows for side in answers])
    return [max(tokens[at : at + sides]) for at in range(0, len(tokens), sides)]


def measure_with(tokenizer: "PreTrainedTokenizerBase") -> Measure:
    """Counts tokens as the trainer will: of a conversation under the tokenizer's own chat template.

    Raises:
        UsageError: (when it counts) the chat template refuses the rows' messages.
    """
    return lambda conversations: [len(ids) for ids in token_ids(tokenizer, conversations)]


def token_ids(
    tokenizer: "PreTrainedTokenizerBase", conversations: Sequence[list[Message]], *, add_generation_prompt: bool = False
) -> list[list[int]]:
    """The tokens of several conversations under the tokenizer's chat template.

    Args:
        tokenizer: of the model.
        conversations: each a list of messages.
        add_generation_prompt: whether they end where an answer begins.

    Raises:
        UsageError: the template refuses their messages.
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


# Shortens a prompt by as few of its oldest turns as make it fit.


def shorten(prompt: Sequence[Message], length: Callable[[list[Message]], int], most: int) -> list[Message] | None:
    """The least shortened prompt that is no longer than `most`; None where even its last turn alone is.

    Args:
        prompt: system messages, then the dialogue.
        length: counts tokens of a prompt, with whatever must fit after it.
        most: tokens.
    """
    steps = range(count_steps(prompt) + 1)
    least = bisect_left(steps, True, key=lambda step: length(drop_oldest(prompt, step)) <= most)
    return drop_oldest(prompt, least) if least in steps else None
