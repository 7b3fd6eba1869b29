"""Trains recipes on a small release: the smallest model there can be, two steps, in this process."""

import atexit
import gc
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from support.releases import build_scripted

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.recipes.runs.arguments import words_of
from ipm_prefdial.recipes.runs.record import TrainingRecord
from ipm_prefdial.recipes.train.run import train

SMALLEST = {"random_width": 16, "random_layers": 1, "random_vocabulary": 400}
"""A model with some thousand weights."""

QUICK: dict[str, Any] = {
    "max_length": 700,
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "logging_steps": 1,
    "eval_strategy": "no",
    "save_strategy": "no",
}
"""Two steps, and nothing besides."""

_OF_STAGE: dict[str, dict[str, Any]] = {
    "sft": SMALLEST,
    "dpo": {"precompute_ref_batch_size": 16},
    "grpo": {"num_generations": 2, "per_device_train_batch_size": 4, "max_completion_length": 12, "max_rows": 16},
    "reward": SMALLEST,
}
"""What makes a stage quick."""


@lru_cache
def small_release() -> Release:
    """The scripted release of thirteen dialogues, built once a process; only to be read."""
    folder = tempfile.mkdtemp(prefix="ipm-prefdial-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_scripted(Path(folder, "release"), limit=13)


def words(name: str, data: Path, out: Path, **settings: Any) -> list[str]:
    """The words of the training script for a quick run; `settings` go before what is quick."""
    given = {"data": str(data), "output_dir": str(out), **QUICK}
    given |= _OF_STAGE[name.rpartition("/")[2]] if name.startswith("tiny/") else {}
    return ["--config", name, *words_of(list((given | settings).items()))]


def run_quick(name: str, data: Path, out: Path, **settings: Any) -> TrainingRecord:
    """The record of such a run."""
    record = train(words(name, data, out, **settings), lambda line: None)
    _freeze()
    return record


# Once a process, when all that training imports is there: Accelerate collects garbage whenever a trainer ends, and
# would look at every module and every collected test each time.
@lru_cache
def _freeze() -> None:
    gc.collect()
    gc.freeze()
