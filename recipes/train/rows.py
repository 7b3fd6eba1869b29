"""The rows of a run: loaded as its stage wants them, drawn, and cut to the length."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...schemas.base import digest_of
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ..data.chosen import Chosen
from ..data.fit import RowCounts, draw_rows, fit_rows, load_rows, measure_with, no_rows
from ..reward.encode import measure_traces
from ..reward.rows import load_reward_rows
from ..tasks import ANSWERS, Stage, Task, configs_of
from .arguments import Arguments
from .start import check_end_of_turn
from .weighted import WEIGHT

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

_OTHERS = {(Task.REASONER, Stage.SFT): (WEIGHT,), (Task.REASONER, Stage.GRPO): ("human_strategy",)}
"""Columns that a task's stage wants besides prompts and answers."""


def load_stage_rows(data: Chosen, task: Task, stage: Stage, split: Split) -> "Dataset":
    """All rows of a split that a task's stage trains on; of GRPO one row a prompt, however many demonstrations it has.

    GRPO takes no more than the prompt from a row, so a turn with several draws and rewritings would be met several
    times over; the weights of its demonstrations say how alike these are, and nothing of the prompt.

    Raises:
        DataError: there are none.
    """
    configs = configs_of(task, stage)
    if stage is not Stage.REWARD:
        loaded = load_rows(data, configs[0], split, ANSWERS[stage], _OTHERS.get((task, stage), ()))
        return _each_prompt_once(loaded) if stage is Stage.GRPO else loaded
    rows = load_reward_rows(data, split)
    if not len(rows):
        raise no_rows(data, configs, split)
    return rows


def _each_prompt_once(rows: "Dataset") -> "Dataset":
    """The first row of every prompt, in order."""
    first: dict[str, int] = {}
    for at, prompt in enumerate(rows["prompt"]):
        first.setdefault(digest_of(prompt), at)
    return rows.select(list(first.values()))


def texts_of(rows: "Dataset", stage: Stage) -> Iterator[str]:
    """Every text in rows of a stage."""
    names = ("prompt", *ANSWERS[stage])
    return (message["content"] for row in rows for name in names for message in row[name])


def stage_rows(
    arguments: Arguments, data: Chosen, split: Split, tokenizer: "PreTrainedTokenizerBase"
) -> tuple["Dataset", RowCounts]:
    """The rows of a split that a run uses, and what became of all that there are.

    Raises:
        DataError: there are none, or none that fits.
        UsageError: the tokenizer or its chat template is none for them.
    """
    recipe, training = arguments.recipe, arguments.training
    answers = ANSWERS[recipe.stage]
    loaded = load_stage_rows(data, recipe.task, recipe.stage, split)
    if recipe.stage is not Stage.REWARD:
        check_end_of_turn(recipe.name, tokenizer, loaded[0], answers[0])
    with training.main_process_first(desc="cutting rows"):
        measure = (measure_traces if recipe.stage is Stage.REWARD else measure_with)(tokenizer)
        drawn = draw_rows(loaded, arguments.own.max_rows, training.seed)
        processes = getattr(training, "dataset_num_proc", None)
        rows, counts = fit_rows(drawn, answers, measure, arguments.max_length, processes)
    if not counts.used:
        raise DataError(
            f"{data.name}: every row of {split} is longer than max_length={arguments.max_length}, even "
            "with the last turn of its dialogue alone: set it higher"
        )
    return rows, counts.model_copy(update={"available": len(loaded)})
