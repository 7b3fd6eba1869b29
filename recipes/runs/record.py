"""`run.json`: what a training run was, beside the checkpoint that it made."""

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
from ..data.fit import RowCounts
from ..data.release import SelectedData
from ..tasks import TrainingStage, TrainingTask
from .environment import Environment

TRAINING_FILE = "run.json"


class DataRecord(Frozen):
    """The release that was trained on, or several of one version that were used as one."""

    name: str
    """The Hub repo, or a folder's name; of several ` + ` stands between them."""
    repo: str | None
    """The Hub repo; null where the release was a folder."""
    revision: str | None
    """The tag or commit of the repo."""
    version: str
    """The version that the release states."""
    manifest_sha256: str
    """Digest of its manifest, which holds the digests of all its files; of several, of these digests, a line each."""
    license: str
    """Its licence."""
    config: Config
    """The config that was trained on; the first where there are several."""
    others: tuple[Config, ...] = ()
    """The other configs that were trained on."""
    dialogues: int | None = Field(default=None, ge=1)
    """How many dialogues were chosen, whose rows alone were used; null where all were."""
    dialogues_sha256: str | None = None
    """Digest of their ids, sorted, a line each."""


class StartRecord(Frozen):
    """The checkpoint that a run began at, which is also the reference of DPO; or the one that rewarded it."""

    name: str
    """Its recipe."""
    run_sha256: str
    """Digest of its `run.json`."""
    data: DataRecord
    """What it was trained on."""


class TrainingRecord(Frozen):
    """A training run; what decides it, and what came of it."""

    format: Literal[1] = 1
    state: Literal["running", "done"]
    """`running` until the checkpoint is whole; the same command then goes on from the last step that was saved."""
    recipe: str
    """The recipe's name."""
    task: TrainingTask
    """What was trained."""
    stage: TrainingStage
    """How."""
    base_model: str
    """The model that training began with, before SFT; `random weights` where it was made on the spot."""
    adapter: bool
    """Whether the checkpoint is an adapter over the base model."""
    base_revision: str | None
    """Its revision, where it is on the Hub."""
    settings: dict[str, JsonValue]
    """What the recipe's file and the command line set; all else is the default of the versions in `environment`."""
    seed: int
    """The seed of everything random."""
    data: DataRecord
    """What it was trained on."""
    start: StartRecord | None
    """Where DPO or GRPO began; null of what began with a base model."""
    reward: StartRecord | None = None
    """The reward model that GRPO was rewarded by; null elsewhere."""
    rows: dict[Split, RowCounts]
    """What became of the rows."""
    environment: Environment
    """What it ran on."""
    resumed_from: int | None = Field(default=None, ge=0)
    """The step that the last part of an interrupted run began at; null where it went through."""
    steps: int | None = Field(default=None, ge=0)
    """Optimizer steps of the whole run."""
    wall_s: float | None = Field(default=None, ge=0)
    """Seconds from the first step of its last part to the last."""
    results: dict[str, float] = Field(default_factory=dict)
    """The last value of everything that was logged, by the name that the trainer gives it."""

    def differences(self, other: "TrainingRecord") -> list[str]:
        """The names of what makes two records tell of different runs."""
        whole = ("recipe", "base_model", "base_revision", "data", "start", "reward")
        changed = [name for name in whole if getattr(self, name) != getattr(other, name)]
        names = sorted(self.settings.keys() | other.settings.keys())
        return changed + [name for name in names if self.settings.get(name) != other.settings.get(name)]


def data_record(data: SelectedData, config: Config, *others: Config) -> DataRecord:
    """What a record says of the data."""
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
    """The record of the run in a folder; None where there is no file of that name.

    Raises:
        UsageError: the file is no record.
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
        raise UsageError(f"{path}: no record of a training run: {field}: {first['msg']}") from error
    except DocumentError as error:
        raise UsageError(f"{path}: no record of a training run: not JSON: {error}") from error


def write_run(folder: Path, record: TrainingRecord) -> None:
    """Writes the record into a folder, whole or not at all."""
    write_whole(folder / TRAINING_FILE, json_text(record.model_dump(mode="json")))


def check_same_run(folder: Path, earlier: TrainingRecord | None, record: TrainingRecord) -> None:
    """Sees to it that a folder holds nothing, or an earlier part of the same run.

    Raises:
        OutputExistsError: it holds another run, or something else.
    """
    if earlier is None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputExistsError(f"{folder}: exists already and is no training run; choose another --out")
        return
    if changed := earlier.differences(record):
        raise OutputExistsError(
            f"{folder}: holds another run: {', '.join(changed[:4])} differ{'s' if len(changed) == 1 else ''}; choose "
            "another --out, or remove it"
        )


def json_text(value: Mapping[str, Any]) -> str:
    """`value` as JSON for people and machines, with a line break at its end."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
