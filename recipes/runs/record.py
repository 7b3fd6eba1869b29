"""`run.json`: the record of a training run, beside the checkpoint that it made.

It is written before the first step and again at the end. From it the run resumes, later runs check what they start
from, and the model card and the study take every figure.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import DocumentError, read_json
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.files import write_whole
from ..catalogue import TrainingStage, TrainingTask
from ..data.fit import RowCounts
from ..data.release import SelectedData
from .environment import Environment

TRAINING_FILE = "run.json"
RANDOM = "random weights"
"""The base model of a run that made its own, see `recipes.tiny`."""


class DataRecord(Frozen):
    """The release that a run trained on, or several releases of one version used as one."""

    name: str
    """The Hub repo or the folder's name; several are joined by ` + `."""
    repo: str | None
    """The Hub repo; null for a folder."""
    revision: str | None
    """The tag or commit of the repo."""
    version: str
    """The version in the manifest."""
    manifest_sha256: str
    """Digest of the manifest, which holds the digests of all files; for several, of these digests, one a line."""
    license: str
    config: Config
    """The config that was trained on; the first if there are several."""
    others: tuple[Config, ...] = ()
    """The other configs that were trained on."""
    dialogues: int | None = Field(default=None, ge=1)
    """Number of selected dialogues, whose rows alone were used; null if all were used."""
    dialogues_sha256: str | None = None
    """Digest of their sorted ids, one a line."""


class StartRecord(Frozen):
    """A finished run that another one builds on: its starting checkpoint (DPO's reference, too) or its reward model."""

    name: str
    """The recipe."""
    run_sha256: str
    """Digest of its `run.json`."""
    data: DataRecord


class TrainingRecord(Frozen):
    """A training run: everything that decides it, and its results."""

    format: Literal[1] = 1
    state: Literal["running", "done"]
    """`running` until the checkpoint is complete; until then the same command resumes from the last saved step."""
    recipe: str
    task: TrainingTask
    stage: TrainingStage
    base_model: str
    """The model before SFT, or `RANDOM`."""
    adapter: bool
    """Whether the checkpoint is an adapter over the base model."""
    base_revision: str | None
    """The base model's revision on the Hub; null for other models."""
    settings: dict[str, JsonValue]
    """What the recipe's file and the command line set; the rest are defaults of the versions in `environment`."""
    seed: int
    data: DataRecord
    start: StartRecord | None
    """Where DPO or GRPO started; null for stages that start from a base model."""
    reward: StartRecord | None = None
    """The reward model of GRPO; null for other stages."""
    rows: dict[Split, RowCounts]
    environment: Environment
    resumed_from: int | None = Field(default=None, ge=0)
    """The step from which an interrupted run last resumed; null if it was never interrupted."""
    steps: int | None = Field(default=None, ge=0)
    """Optimizer steps of the whole run."""
    wall_s: float | None = Field(default=None, ge=0)
    """Seconds of training since `resumed_from`."""
    results: dict[str, float] = Field(default_factory=dict)
    """The last value of everything that was logged, by the trainer's name for it."""

    def differences(self, other: "TrainingRecord") -> list[str]:
        """The names of the fields and settings that make two records those of different runs."""
        whole = ("recipe", "base_model", "base_revision", "data", "start", "reward")
        changed = [name for name in whole if getattr(self, name) != getattr(other, name)]
        names = sorted(self.settings.keys() | other.settings.keys())
        return changed + [name for name in names if self.settings.get(name) != other.settings.get(name)]


def data_record(data: SelectedData, config: Config, *others: Config) -> DataRecord:
    """The record of the data and of the configs that were trained on."""
    return DataRecord(
        name=data.name,
        repo=data.repo,
        revision=data.revision,
        version=data.version,
        manifest_sha256=data.sha256,
        license=data.license,
        config=config,
        others=others,
        dialogues=None if data.dialogues is None else len(data.dialogues.ids),
        dialogues_sha256=None if data.dialogues is None else data.dialogues.sha256,
    )


def read_run(folder: Path) -> TrainingRecord | None:
    """The record of the run in a folder; None if it has no `run.json`.

    Raises:
        UsageError: the file cannot be read, or is not a record.
    """
    path = folder / TRAINING_FILE
    try:
        return TrainingRecord.model_validate(read_json(path, folder))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: not the record of a training run: {field}: {first['msg']}") from error
    except DocumentError as error:
        raise UsageError(f"{path}: not the record of a training run: not JSON: {error}") from error


def write_run(folder: Path, record: TrainingRecord) -> None:
    """Writes the record into a folder, atomically."""
    write_whole(folder / TRAINING_FILE, json_text(record.model_dump(mode="json")))


def check_same_run(folder: Path, earlier: TrainingRecord | None, record: TrainingRecord) -> None:
    """Checks that a folder is empty, or holds the same run, interrupted or finished.

    Raises:
        OutputExistsError: it holds another run, or other files.
    """
    if earlier is None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputExistsError(f"{folder}: exists already and is not a training run; choose another --out")
        return
    if changed := earlier.differences(record):
        raise OutputExistsError(
            f"{folder}: holds another run: {', '.join(changed[:4])} differ{'s' if len(changed) == 1 else ''}; choose "
            "another --out, or delete the folder"
        )


def json_text(value: Mapping[str, Any]) -> str:
    """`value` as indented JSON with a line break at its end."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
