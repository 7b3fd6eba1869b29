"""Assembling into lists in place of files: what was written where, and what was asked."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from support.releases import scripted_plan

from ipm_prefdial.builders.building._assemble import Assembly, assemble
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import PlacedDialogue
from ipm_prefdial.builders.release.layout import splits_of
from ipm_prefdial.schemas.base import canonical_json
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.inference import Outcome, Request
from ipm_prefdial.schemas.manifest import ConfigCounts
from ipm_prefdial.schemas.spec import BuildSpec

Row = dict[str, Any]


class Lists:
    """Takes the tables of a release into lists, in place of a writer's files."""

    def __init__(self) -> None:
        self.tables: dict[tuple[Config, Split], list[Row]] = {
            (config, split): [] for config in Config for split in splits_of(config)
        }

    def add(self, config: Config, split: Split, row: Row) -> None:
        """Takes in the next row of a table, as it would stand in a file."""
        self.tables[config, split].append(json.loads(canonical_json(row)))

    def count(self, config: Config, split: Split) -> int:
        """Rows that a table has so far."""
        return len(self.tables[config, split])


@dataclass
class Made:
    """What an assembly wrote and was asked."""

    assembly: Assembly
    counts: dict[Config, ConfigCounts]
    tables: dict[tuple[Config, Split], list[Row]]
    rows: dict[Config, list[Row]]
    asked: list[Request]


def assembled(
    dialogues: Sequence[PlacedDialogue], answer: Callable[[Request], Outcome], spec: BuildSpec | None = None
) -> Made:
    """The dialogues assembled into lists by a spec, or by 1.0.0, with a scripted model in every role."""
    asked: list[Request] = []

    def find(request: Request) -> Outcome:
        asked.append(request)
        return answer(request)

    plan, lists = scripted_plan(spec), Lists()
    assembly = Assembly(plan, steps_of(plan.spec), find, lists)  # type: ignore[arg-type]
    assert assemble(dialogues, assembly) is assembly
    counts = assembly.counts()  # what is held back is written now
    rows = {config: [row for split in splits_of(config) for row in lists.tables[config, split]] for config in Config}
    return Made(assembly, counts, lists.tables, rows, asked)
