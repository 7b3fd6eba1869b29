"""A checkpoint folder that plays a role: what it is, and whether it may."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ...schemas.errors import UsageError
from ...schemas.inference import ModelRef, Role
from ..runs.record import TrainingRecord, read_run

_ADAPTER = "adapter_config.json"
_MODEL = "config.json"
_WEIGHTS = (".safetensors", ".bin")


@dataclass(frozen=True)
class Checkpoint:
    """A model in a folder."""

    folder: Path
    ref: ModelRef
    """Its recipe's name, or the folder's, and a digest of its weights; never a path."""
    run: TrainingRecord | None
    """How it was trained; None of a model that was not trained here."""

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter over a base model."""
        return (self.folder / _ADAPTER).is_file()

    @property
    def max_length(self) -> int | None:
        """Tokens of the longest sequence that it was trained on, where its recipe says so."""
        length = self.run.settings.get("max_length") if self.run is not None else None
        return length if isinstance(length, int) else None


def is_checkpoint(text: str) -> bool:
    """Whether a model is named by a folder."""
    return Path(text).is_dir()


def find_checkpoint(text: str, role: Role) -> Checkpoint:
    """The checkpoint in a folder, to play a role.

    Raises:
        UsageError: there is no model in it, its training is not finished, or it was trained for another role.
    """
    folder = Path(text)
    run = read_run(folder)
    if run is not None and run.task.value != role.value:
        raise UsageError(f"{text}: a checkpoint of the {run.task}, not of the {role}; name the {role}'s folder")
    if run is not None and run.state != "done":
        raise UsageError(f"{text}: not trained to its end; repeat the command that began it")
    if not any((folder / name).is_file() for name in (_ADAPTER, _MODEL)):
        raise UsageError(f"{text}: no checkpoint: there is neither {_MODEL} nor {_ADAPTER} in it")
    name = run.recipe if run is not None else folder.resolve().name
    return Checkpoint(folder, ModelRef(name=name, revision=_digest(text, folder)), run)


def _digest(text: str, folder: Path) -> str:
    """16 hexadecimal digits of a digest over the weights."""
    weights = sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS and path.name != "training_args.bin")
    if not weights:
        raise UsageError(f"{text}: no checkpoint: there are no weights in it")
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
