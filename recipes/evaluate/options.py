"""The options of an evaluation, its folder, and the models it asks: endpoints, embedded models, loaded checkpoints."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ...builders.models.client import Completer
from ...builders.models.endpoint import ModelFolder, ModelWord, parse_word
from ...builders.models.pool import CallOptions, ModelPool, open_pool
from ...schemas.dialogue import Dialogue, Split
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.evaluation import EVALUATION_FILE
from ...schemas.files import write_whole
from ...schemas.inference import ModelRef, Role, is_reward_model
from ..metrics.sample import REPLICATES
from ..runs.record import TrainingRecord, read_run

if TYPE_CHECKING:
    from .stakes import SystemModel

# A checkpoint folder that plays a role: what it is, and whether it may.


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


# 16 hexadecimal digits of a digest over the weights.
def _digest(text: str, folder: Path) -> str:
    weights = sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS and path.name != "training_args.bin")
    if not weights:
        raise UsageError(f"{text}: no checkpoint: there are no weights in it")
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class SystemOptions(CallOptions):
    """The models of an evaluation, as they are named on the command line."""

    planner: str | None = None
    """`corpus`, a checkpoint's folder, or `NAME[#REVISION][@BASE_URL]`; the same for the other roles."""
    responder: str | None = None
    joint: str | None = None
    reasoner: str | None = None
    judges: tuple[str, ...] = ()
    """`reward:DIR` is a reward model of our own recipes, which scores the steps of traces."""

    @property
    def speaks(self) -> bool:
        """Whether a system is to be asked, and not judges alone."""
        return bool(self.planner or self.responder or self.joint or self.reasoner)

    @property
    def reward_folders(self) -> tuple[Path, ...]:
        """The reward models among the judges: they score traces directly, and are not part of the pool."""
        judges = map(parse_word, self.judges)
        return tuple(one.path for one in judges if isinstance(one, ModelFolder) and one.is_reward)

    def words(self) -> list[tuple[Role, ModelWord]]:
        """The models of the pool.

        Raises:
            UsageError: a model is misspelt, or there is a responder and no planner to name its strategies.
        """
        if self.responder and not self.planner:
            raise UsageError("a responder writes under the planner's strategy: name a --planner, too")
        named = (
            (Role.PLANNER, self.planner),
            (Role.RESPONDER, self.responder),
            (Role.JOINT, self.joint),
            (Role.REASONER, self.reasoner),
            *((Role.JUDGE, judge) for judge in self.judges if not is_reward_model(judge)),
        )
        return [(role, parse_word(text, checkpoints=True)) for role, text in named if text]


@dataclass
class LoadedCheckpoint:
    """A checkpoint as a model of this process; torch is imported, and the weights are read, when it is opened."""

    checkpoint: Checkpoint
    batch: int
    """Requests that are answered at once, at most."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def ref(self) -> ModelRef:
        """The name of its recipe or folder, and a digest of its weights."""
        return self.checkpoint.ref

    def completer(self, turn: asyncio.Lock) -> Completer:
        from .loaded import LocalModel, load

        return LocalModel(load(self.checkpoint), turn, self.batch)


def resolve_pool(options: SystemOptions, training: Callable[[], Iterable[Dialogue]]) -> ModelPool:
    """The pool of an evaluation; the baseline is fitted on the training dialogues, where it is named.

    Raises:
        UsageError: a model is misspelt, `open_pool` refuses it, or a folder holds no checkpoint for its role.
    """

    def open_checkpoint(role: Role, word: ModelFolder) -> LoadedCheckpoint:
        return LoadedCheckpoint(find_checkpoint(str(word.path), role), options.concurrency)

    return open_pool(options, options.words(), training, open_checkpoint)


def checkpoint_of(pool: ModelPool, ref: ModelRef) -> Checkpoint | None:
    """The checkpoint that a model of the pool was loaded from; None of other models."""
    found = pool.local.get(ref)
    return found.checkpoint if isinstance(found, LoadedCheckpoint) else None


def format_calls(pool: ModelPool) -> str:
    """The progress of the models in a few words: calls, answers from records, cost."""
    meters = pool.meters.values()
    asked, kept = sum(meter.answered for meter in meters), sum(meter.from_records for meter in meters)
    costs = [meter.price.of(meter) for meter in meters if meter.price is not None]
    parts = [f"{asked} calls", f"{kept} from records"] + ([f"${sum(costs):.2f}"] if costs else [])
    return ", ".join(parts)


# The options of an evaluation, and its folder.


@dataclass(frozen=True)
class EvaluateOptions:
    """The options of an evaluation."""

    out: Path | None = None
    """Where answers, predictions, tables and pictures go; models cannot be asked without it."""
    place: str | None = None
    """The release: a folder, or `ORG/NAME@TAG`; None scores prediction files alone."""
    revision: str | None = None
    """The revision of the release, if the place does not name it."""
    split: Split = Split.TEST
    models: SystemOptions = field(default_factory=SystemOptions)
    temperature: float | None = None
    """Instead of the release's own sampling; 0 is greedy."""
    predictions: tuple[str, ...] = ()
    """Files of others, `FILE` or `NAME=FILE`."""
    writers: Mapping[str, "tuple[SystemModel, ...]"] = field(default_factory=dict)
    """The models that wrote prediction files, by system, where the caller knows them."""
    similarity_model: Path | None = None
    limit: int | None = None
    """Dialogues of the split at most."""
    replicates: int = REPLICATES


# The folder of an evaluation: the answers as they come, and what was made of them, each file whole or not there.


_RECORDS = "records.sqlite"


@dataclass(frozen=True)
class EvaluationFolder:
    """Where an evaluation keeps its answers and puts its results; the same command finds the answers again."""

    root: Path

    @property
    def records(self) -> Path:
        return self.root / _RECORDS

    def open(self) -> None:
        """Makes the folder, or finds that an evaluation made it.

        Raises:
            OutputExistsError: it holds something else.
            UsageError: it cannot be written to.
        """
        try:
            if self.root.exists() and not self._is_ours():
                raise OutputExistsError(f"{self.root}: it exists and is not an evaluation; choose another --out")
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be written: {error.strerror}; choose another --out") from error

    def _is_ours(self) -> bool:
        if not self.root.is_dir():
            return False
        names = {path.name for path in self.root.iterdir()}
        return not names or bool(names & {_RECORDS, EVALUATION_FILE})

    def write(self, name: str, data: str | bytes) -> Path:
        """Puts a file there, whole, instead of one that an earlier run put there.

        Raises:
            UsageError: it cannot be written.
        """
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written: {error.strerror}; make room, and repeat the command"
            ) from error
        return path
