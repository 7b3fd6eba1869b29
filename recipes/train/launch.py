"""The launcher configurations that there are, for `accelerate launch`."""

from importlib.resources import files
from pathlib import Path

from ...schemas.errors import UsageError

_LAUNCHERS = Path(str(files("ipm_prefdial.recipes") / "accelerate"))


def launchers() -> list[str]:
    """Their names, sorted."""
    return sorted(path.stem for path in _LAUNCHERS.glob("*.yaml"))


def launcher_words(config: str) -> tuple[str, ...]:
    """The words that stand between the interpreter and a module's name.

    Args:
        config: a name, or a YAML file.

    Raises:
        UsageError: there is no such configuration.
    """
    path = Path(config) if config.endswith((".yaml", ".yml")) else _LAUNCHERS / f"{config}.yaml"
    if not path.is_file():
        raise UsageError(f"--launch: there is no {config!r}; there are {', '.join(launchers())} (or give a .yaml file)")
    return ("-m", "accelerate.commands.launch", "--config_file", str(path.resolve()), "-m")
