"""The rows of a run: those that its stage reads, drawn if they are limited, and cut to the length."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...schemas.base import digest_of
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ..catalogue import ANSWERS, TrainingStage, TrainingTask, configs_of
from ..data.fit import RowCounts, draw_rows, fit_rows, load_rows, measure_with, no_rows
from ..data.release import SelectedData
from ..reward.rows import load_reward_rows, measure_traces
from ..runs.arguments import Arguments
from ..runs.start import check_end_of_turn
from ._trainers import WEIGHT

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

# The columns that a task's stage reads in addition to prompts and answers.
_MORE_COLUMNS = {
    (TrainingTask.REASONER, TrainingStage.SFT): (WEIGHT,),
    (TrainingTask.REASONER, TrainingStage.GRPO): ("human_strategy",),
}


def load_stage_rows(data: SelectedData, task: TrainingTask, stage: TrainingStage, split: Split) -> "Dataset":
    """All rows of a split that a task's stage trains on; for GRPO one row for each prompt.

    GRPO reads only the prompt of a row, so a turn with several demonstrations would be trained on several times; their
    weights measure how similar they are, and say nothing about the prompt.

    Raises:
        DataError: the split has no rows.
    """
    configs = configs_of(task, stage)
    if stage is not TrainingStage.REWARD:
        loaded = load_rows(data, configs[0], split, ANSWERS[stage], _MORE_COLUMNS.get((task, stage), ()))
        return _unique_prompts(loaded) if stage is TrainingStage.GRPO else loaded
    rows = load_reward_rows(data, split)
    if not len(rows):
        raise no_rows(data, configs, split)
    return rows


# The first row of every prompt, in order.
def _unique_prompts(rows: "Dataset") -> "Dataset":
    first: dict[str, int] = {}
    for at, prompt in enumerate(rows["prompt"]):
        first.setdefault(digest_of(prompt), at)
    return rows.select(list(first.values()))


def texts_of(rows: "Dataset", stage: TrainingStage) -> Iterator[str]:
    """The text of every message in the prompts and answers of a stage's rows."""
    names = ("prompt", *ANSWERS[stage])
    return (message["content"] for row in rows for name in names for message in row[name])


def stage_rows(
    arguments: Arguments, data: SelectedData, split: Split, tokenizer: "PreTrainedTokenizerBase"
) -> tuple["Dataset", RowCounts]:
    """The rows of a split that a run uses, and the counts of all rows.

    Raises:
        DataError: the split has no rows, or none fits.
        UsageError: the chat template does not work with the rows.
    """
    recipe, training = arguments.recipe, arguments.training
    answers = ANSWERS[recipe.stage]
    loaded = load_stage_rows(data, recipe.task, recipe.stage, split)
    if recipe.stage is not TrainingStage.REWARD:
        check_end_of_turn(recipe.name, tokenizer, loaded[0], answers[0])
    with training.main_process_first(desc="cutting rows"):
        measure = (measure_traces if recipe.stage is TrainingStage.REWARD else measure_with)(tokenizer)
        drawn = draw_rows(loaded, arguments.own.max_rows, training.seed)
        processes = getattr(training, "dataset_num_proc", None)
        rows, counts = fit_rows(drawn, answers, measure, arguments.max_length, processes)
    if not counts.used:
        raise DataError(
            f"{data.name}: every row of {split} is longer than max_length={arguments.max_length}, even with only the "
            "last turn of its dialogue: set max_length higher"
        )
    return rows, counts.model_copy(update={"available": len(loaded)})
