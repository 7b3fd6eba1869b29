"""Workflows: what `recipe run NAME` runs beside recipes, each of several trainings and more."""

import argparse
from collections.abc import Sequence
from typing import Any, Protocol

from ...schemas.errors import UsageError


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


def add_all(workflows: Sequence[Workflow], parser: argparse.ArgumentParser) -> None:
    """Adds the options of every workflow to the parser of `recipe run`."""
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


def _defaults(workflow: Workflow) -> dict[str, Any]:
    """A workflow's own options, by what they are called in the namespace, with what they are where none is given."""
    parser = argparse.ArgumentParser(add_help=False)
    workflow.add_options(parser.add_argument_group())
    return vars(parser.parse_args([]))
