"""`ipm-prefdial recipe list|show|run`: the reference recipes."""

import argparse
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError
from ..catalogue import Recipe, find_recipe, recipe_names
from . import validate_release
from .settings import read_settings

if TYPE_CHECKING:
    from ..train.record import RunRecord

_RUNS = "runs"
_WIDTH_OF_FILES = 140
_SCRIPT = "ipm_prefdial.recipes.train.script"
WORKFLOWS = (validate_release,)
"""What `recipe run` runs besides recipes: each has a NAME, says what it is ABOUT, adds its options and runs."""
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
    # Two workflows may have an option in common.
    parser = actions.add_parser(
        "run", help="train; what was interrupted goes on with the same command", conflict_handler="resolve"
    )
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
    for workflow in WORKFLOWS:
        workflow.add_options(parser.add_argument_group(workflow.NAME, workflow.ABOUT))
    parser.set_defaults(run=run_run)


def run_list(options: argparse.Namespace) -> int:
    """Prints a line a recipe, then a line a workflow."""
    recipes = [find_recipe(name) for name in recipe_names()]
    if options.json:
        workflows = [{"name": one.NAME, "about": one.ABOUT} for one in WORKFLOWS]
        _print_json([{"name": one.name, **_about(one)} for one in recipes] + workflows)
        return 0
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("recipe", no_wrap=True), "model", "trains", "needs")
    for one in recipes:
        table.add_row(one.name, *_about(one).values())
    # A log or a pipe has no edge to wrap at.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
    console.print(table)
    for workflow in WORKFLOWS:
        console.print(f"{workflow.NAME}: {workflow.ABOUT}", soft_wrap=True)
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
    """Trains in this process, or in as many as a launcher starts; or runs a workflow."""
    workflow = next((one for one in WORKFLOWS if options.name == one.NAME), None)
    _refuse_others(options, workflow)
    return workflow.run(options) if workflow is not None else _run_recipe(options)


def _refuse_others(options: argparse.Namespace, workflow: ModuleType | None) -> None:
    """Options of a workflow have no meaning for another name.

    Raises:
        UsageError: one was given.
    """
    own = _options_of(workflow) if workflow is not None else {}
    for other in WORKFLOWS:
        for name, action in _options_of(other).items():
            if name not in own and getattr(options, name) != action.default:
                raise UsageError(
                    f"{action.option_strings[0]}: an option of `recipe run {other.NAME}`, and not of {options.name}"
                )
    if workflow is not None and options.launch:
        raise UsageError(f"--launch: {workflow.NAME} runs in this process; leave it out")


def _options_of(workflow: ModuleType) -> dict[str, argparse.Action]:
    """The options that a workflow adds, by their names in what is parsed."""
    parser = argparse.ArgumentParser(add_help=False)
    workflow.add_options(parser)
    return {action.dest: action for action in parser._actions}


def _run_recipe(options: argparse.Namespace) -> int:
    from ..train.arguments import words_of
    from ..train.run import train
    from ..train.script import quieten, say_line

    recipe = find_recipe(options.name)
    out = options.out or str(Path(_RUNS, recipe.name))
    places = [("data", options.data), ("output_dir", out)]
    if options.revision:
        places.append(("revision", options.revision))
    argv = ["--config", options.name, *words_of([*places, *read_settings(options.settings)])]
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
