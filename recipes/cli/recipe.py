"""`ipm-prefdial recipe list|show|run`: the reference recipes."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ...schemas.errors import UsageError
from ..catalogue import Recipe, find_recipe, recipe_names

if TYPE_CHECKING:
    from ..train.record import RunRecord

_RUNS = "runs"
_WIDTH_OF_FILES = 140
_SCRIPT = "ipm_prefdial.recipes.train.script"
_LAUNCHERS = Path(str(files("ipm_prefdial.recipes") / "accelerate"))


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("recipe", help="the reference recipes: train on a release")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every recipe, and the machine that it needs")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")
    listing.set_defaults(run=run_list)
    showing = actions.add_parser("show", help="a recipe's file")
    showing.add_argument("name", metavar="NAME", help="as `recipe list` names it, or a .yaml file")
    showing.add_argument("--json", action="store_true", help="print its settings as JSON")
    showing.set_defaults(run=run_show)
    _add_run(actions)


def _add_run(actions: Any) -> None:
    parser = actions.add_parser("run", help="train; what was interrupted goes on with the same command")
    parser.add_argument("name", metavar="NAME", help="as `recipe list` names it, or a .yaml file")
    parser.add_argument("--data", required=True, metavar="DIR_OR_REPO", help="a release: a folder, or ORG/NAME")
    parser.add_argument(
        "--revision", metavar="TAG", help="the tag of a repo; of a folder the version or the manifest's sha256"
    )
    parser.add_argument("--out", metavar="DIR", help=f"where to write; {_RUNS}/NAME if it is left out")
    parser.add_argument(
        "--set", action="append", default=[], metavar="K=V", dest="settings", help="another value of a setting"
    )
    parser.add_argument(
        "--launch",
        metavar="CONFIG",
        help=f"start it in many processes with `accelerate launch`: {', '.join(_launchers())}, or a file",
    )
    parser.add_argument("--json", action="store_true", help="print the run's record as JSON")
    parser.set_defaults(run=run_run)


def run_list(options: argparse.Namespace) -> int:
    """Prints a line a recipe."""
    recipes = [find_recipe(name) for name in recipe_names()]
    if options.json:
        _print_json([{"name": one.name, **_about(one)} for one in recipes])
        return 0
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("recipe", no_wrap=True), "model", "trains", "needs")
    for one in recipes:
        table.add_row(one.name, *_about(one).values())
    # A log or a pipe has no edge to wrap at.
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_FILES).print(table)
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Prints a recipe's file, with its comments."""
    recipe = find_recipe(options.name)
    if options.json:
        _print_json({"name": recipe.name, **recipe.settings})
    else:
        sys.stdout.write(recipe.text)
    return 0


def run_run(options: argparse.Namespace) -> int:
    """Trains in this process, or in as many as a launcher starts."""
    from ..train.arguments import words_of
    from ..train.run import train
    from ..train.script import quieten, say_line

    recipe = find_recipe(options.name)
    out = options.out or str(Path(_RUNS, recipe.name))
    places = [("data", options.data), ("output_dir", out)]
    if options.revision:
        places.append(("revision", options.revision))
    argv = ["--config", options.name, *words_of([*places, *_settings(options.settings)])]
    if options.launch:
        return _launch(options.launch, argv)
    quieten()
    record = train(argv, say_line)
    if options.json:
        _print_json(record.model_dump(mode="json"))
    else:
        _say_record(record, Path(out))
    return 0


def _launchers() -> list[str]:
    return sorted(path.stem for path in _LAUNCHERS.glob("*.yaml"))


def _about(recipe: Recipe) -> dict[str, str]:
    """What a list says of a recipe besides its name."""
    settings = recipe.settings
    trains = "LoRA" if settings.get("use_peft") else "from random weights" if "tiny/" in recipe.name else "all weights"
    model = settings.get("model_name_or_path", "made on the spot")
    return {"model": str(model), "trains": trains, "needs": str(settings.get("needs", ""))}


def _settings(given: list[str]) -> Iterator[tuple[str, Any]]:
    """The settings in `K=V` words; a value is read as YAML reads it.

    Raises:
        UsageError: there is no equals sign, or no name before it, or the value is no YAML.
    """
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set: {word!r} is not of the form NAME=VALUE")
        try:
            yield name, yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set: {name}: {value!r} is no value: {' '.join(str(error).split())}") from error


def _launch(config: str, argv: list[str]) -> int:
    """Runs the training script under `accelerate launch`.

    Raises:
        UsageError: there is no such configuration.
    """
    path = Path(config) if config.endswith((".yaml", ".yml")) else _LAUNCHERS / f"{config}.yaml"
    if not path.is_file():
        raise UsageError(
            f"--launch: there is no {config!r}; there are {', '.join(_launchers())} (or give a .yaml file)"
        )
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(path), "-m", _SCRIPT, *argv]
    return subprocess.run(command, check=False).returncode


def _say_record(record: "RunRecord", out: Path) -> None:
    shown = ("train_loss", "eval_loss", "eval_rewards/accuracies", "eval_rewards/margins")
    told = ", ".join(f"{name} {record.results[name]:.4g}" for name in shown if name in record.results)
    print(f"{out}: {record.recipe}, {record.steps} steps{f', {told}' if told else ''}")


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
