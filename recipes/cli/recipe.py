"""`ipm-prefdial recipe list|show|run|ablate`: the reference recipes."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...schemas.errors import DataError, UsageError
from ...schemas.escape import visible, visible_json
from ..catalogue import Recipe, find_recipe, recipe_names
from ..runs.arguments import read_settings
from ..runs.environment import launcher_words, launchers
from . import loop as mine
from . import study as validate_release

if TYPE_CHECKING:
    from ..runs.record import TrainingRecord

# Workflows: what `recipe run NAME` runs beside recipes, each of several trainings and more.


class Workflow(Protocol):
    """A module with one workflow."""

    NAME: str
    """What `recipe run` calls it."""
    ABOUT: str
    """One line."""

    def add_options(self, group: Any) -> None:
        """Adds its own options; those that every recipe has are there already."""

    def run(self, options: argparse.Namespace) -> int:
        """Runs it, and gives the exit code."""


# Adds the options of every workflow to the parser of `recipe run`.
def _add_all(workflows: Sequence[Workflow], parser: argparse.ArgumentParser) -> None:
    for workflow in workflows:
        workflow.add_options(parser.add_argument_group(f"for `recipe run {workflow.NAME}` alone"))


def refuse_foreign(workflows: Sequence[Workflow], options: argparse.Namespace) -> None:
    """Looks whether an option was given that belongs to workflows alone, and to none of the name that is run.

    Raises:
        UsageError: one was.
    """
    own = {workflow.NAME: _defaults(workflow) for workflow in workflows}
    mine = own.get(options.name, {})
    for name, defaults in own.items():
        for option, default in defaults.items():
            if option not in mine and getattr(options, option) != default:
                raise UsageError(
                    f"--{option.replace('_', '-')} is an option of `recipe run {name}`, not of {options.name}"
                )


# A workflow's own options, by what they are called in the namespace, with what they are where none is given.
def _defaults(workflow: Workflow) -> dict[str, Any]:
    parser = argparse.ArgumentParser(add_help=False)
    workflow.add_options(parser.add_argument_group())
    return vars(parser.parse_args([]))


_RUNS = "runs"
_ABLATION = "ablation"
_WIDTH_OF_FILES = 140
_SCRIPT = "ipm_prefdial.recipes.train.run"

WORKFLOWS: tuple[Workflow, ...] = (mine, validate_release)
"""What `recipe run` runs beside recipes."""


def add_recipe(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("recipe", help="the reference recipes: train on a release")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list every recipe with the hardware that it needs, and every workflow")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")
    listing.set_defaults(run=_run_list)
    showing = actions.add_parser("show", help="a recipe's file")
    showing.add_argument("name", metavar="NAME", help="as `recipe list` names it, or a .yaml file")
    showing.add_argument("--json", action="store_true", help="print its settings as JSON")
    showing.set_defaults(run=_run_show)
    running = actions.add_parser(
        "run", help="train, or run a workflow; continues an interrupted run", conflict_handler="resolve"
    )
    _add_run(running, f"where to write; {_RUNS}/NAME if it is left out")
    _add_all(WORKFLOWS, running)
    running.set_defaults(run=_run_run)
    ablating = actions.add_parser(
        "ablate", help="train a GRPO recipe with each part of its reward switched off in turn"
    )
    _add_run(ablating, f"where to write; {_RUNS}/MODEL/TASK/{_ABLATION} if it is left out")
    ablating.set_defaults(run=_run_ablate)


def _add_run(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("name", metavar="NAME", help="as `recipe list` names it, or a .yaml file")
    parser.add_argument("--data", required=True, metavar="DIR_OR_REPO", help="a release: a folder, or ORG/NAME")
    parser.add_argument(
        "--revision", metavar="TAG", help="the tag of a repo; of a folder the version or the manifest's sha256"
    )
    parser.add_argument("--out", metavar="DIR", help=out)
    parser.add_argument(
        "--set", action="append", default=[], metavar="K=V", dest="settings", help="another value of a setting"
    )
    parser.add_argument(
        "--launch",
        metavar="CONFIG",
        help=f"start it in many processes with `accelerate launch`: {', '.join(launchers())}, or a file",
    )
    parser.add_argument("--json", action="store_true", help="print what came of it as JSON")


# Prints a line a recipe, and a line a workflow.
def _run_list(options: argparse.Namespace) -> int:
    recipes = [find_recipe(name) for name in recipe_names()]
    if options.json:
        workflows = [{"name": one.NAME, "about": one.ABOUT} for one in WORKFLOWS]
        _print_json([*({"name": one.name, **_about(one)} for one in recipes), *workflows])
        return 0
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column("recipe", no_wrap=True), "model", "trains", "needs")
    for one in recipes:
        table.add_row(one.name, *_about(one).values())
    # A log or a pipe has no edge to wrap at.
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_FILES).print(table)
    for workflow in WORKFLOWS:
        print(f"{workflow.NAME}: {workflow.ABOUT}")
    return 0


# Prints a recipe's file, with its comments; of a workflow what it is.
def _run_show(options: argparse.Namespace) -> int:
    for workflow in WORKFLOWS:
        if options.name == workflow.NAME:
            told = {"name": workflow.NAME, "about": workflow.ABOUT}
            _print_json(told) if options.json else print(f"{workflow.ABOUT}; see `recipe run --help`")
            return 0
    recipe = find_recipe(options.name)
    if options.json:
        _print_json({"name": recipe.name, **recipe.settings})
    else:
        sys.stdout.write(recipe.text)
    return 0


# Trains in this process, or in as many as a launcher starts; or runs a workflow.
def _run_run(options: argparse.Namespace) -> int:
    refuse_foreign(WORKFLOWS, options)
    for workflow in WORKFLOWS:
        if options.name == workflow.NAME:
            return workflow.run(options)
    from ..runs.arguments import words_of
    from ..train.run import quieten, say_line, train

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


# Trains the variants, and prints the table that stands in the folder, too.
def _run_ablate(options: argparse.Namespace) -> int:
    from ..runs.arguments import words_of
    from ..study.ablation import ablate, ablation_page
    from ..train.run import quieten, say_line, train

    def run(settings: Sequence[tuple[str, Any]]) -> None:
        argv = ["--config", options.name, *words_of(settings)]
        if not options.launch:
            train(argv, say_line)
        elif _launch(options.launch, argv):
            raise DataError(f"{dict(settings)['output_dir']}: was not finished; repeat the command to go on")

    out = Path(options.out or Path(_RUNS, find_recipe(options.name).name).parent / _ABLATION)
    settings = [("data", options.data), *read_settings(options.settings)]
    quieten()
    found = ablate(options.name, out, settings + ([("revision", options.revision)] if options.revision else []), run)
    if options.json:
        _print_json(found)
    else:
        sys.stdout.write(visible(ablation_page(options.name, found)))
    return 0


# What a list says of a recipe besides its name.
def _about(recipe: Recipe) -> dict[str, str]:
    settings = recipe.settings
    trains = "LoRA" if settings.get("use_peft") else "from random weights" if "tiny/" in recipe.name else "all weights"
    model = settings.get("model_name_or_path", "made on the spot")
    return {"model": str(model), "trains": trains, "needs": str(settings.get("needs", ""))}


def _launch(config: str, argv: list[str]) -> int:
    """Runs the training script under `accelerate launch`.

    Raises:
        UsageError: there is no such configuration.
    """
    return subprocess.run([sys.executable, *launcher_words(config), _SCRIPT, *argv], check=False).returncode


def _say_record(record: "TrainingRecord", out: Path) -> None:
    shown = ("train_loss", "eval_loss", "eval_rewards/accuracies", "eval_rewards/margins")
    told = ", ".join(f"{name} {record.results[name]:.4g}" for name in shown if name in record.results)
    print(visible(f"{out}: {record.recipe}, {record.steps} steps{f', {told}' if told else ''}"))


def _print_json(value: Any) -> None:
    sys.stdout.write(visible_json(json.dumps(value, indent=1, ensure_ascii=False)) + "\n")
