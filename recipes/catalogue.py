"""The recipes that there are: a YAML file each, found by `MODEL/TASK/STAGE`, or a file of the user's own."""

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..schemas.documents import DocumentError, read_yaml
from ..schemas.errors import UsageError
from .tasks import TrainingStage, TrainingTask, stages_of

_FOLDER = Path(str(files(__package__) / "yaml"))
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Recipe:
    """A recipe as it stands in its file."""

    name: str
    """`MODEL/TASK/STAGE`; of a user's own file its stem."""
    path: Path
    """The file."""
    settings: dict[str, Any]
    """What is in it: arguments of the training script by their names."""

    @property
    def task(self) -> TrainingTask:
        """What it trains."""
        return TrainingTask(self.settings["task"])

    @property
    def stage(self) -> TrainingStage:
        """How it trains it."""
        return TrainingStage(self.settings["stage"])

    @property
    def text(self) -> str:
        """The file's text, with its comments."""
        return self.path.read_text(encoding="utf-8")


def recipe_names() -> list[str]:
    """The name of every recipe, sorted."""
    return sorted(path.relative_to(_FOLDER).with_suffix("").as_posix() for path in _FOLDER.glob("*/*/*.yaml"))


def find_recipe(name: str) -> Recipe:
    """The recipe of a name, or in a YAML file of the user's own.

    Raises:
        UsageError: there is none of that name, or its file is no mapping with a task and a stage.
    """
    if name.endswith(_SUFFIXES):
        return read_recipe(Path(name))
    names = recipe_names()
    if name not in names:
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"there is no recipe {name!r}{hint} (`recipe list` names them; or give a .yaml file)")
    return read_recipe(_FOLDER / f"{name}.yaml")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file.

    Raises:
        UsageError: there is no such file, or it is no mapping with a task and a stage.
    """
    try:
        settings = read_yaml(path)
    except (OSError, DocumentError) as error:
        raise UsageError(f"{path}: no recipe: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{path}: no recipe: it is not a mapping of settings")
    for key, known in (("task", TrainingTask), ("stage", TrainingStage)):
        if settings.get(key) not in tuple(known):
            raise UsageError(f"{path}: {key}: {settings.get(key)!r} is none of {', '.join(known)}")
    if settings["stage"] not in (stages := stages_of(TrainingTask(settings["task"]))):
        raise UsageError(
            f"{path}: task {settings['task']} is trained by {' or '.join(stages)}, not {settings['stage']}"
        )
    inside = path.is_relative_to(_FOLDER)
    return Recipe(path.relative_to(_FOLDER).with_suffix("").as_posix() if inside else path.stem, path, settings)
