"""Faults for tests of `validate`: one planted at a time, with the one place where it has to be found."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.releases import change_cell, change_manifest, change_rows

from ipm_prefdial.builders.release.findings import Finding
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release

Row = dict[str, Any]
Place = tuple[str, str, int | None]
"""Rule, file and row."""


def shard(config: str, split: str = "train") -> str:
    """The only shard of a table."""
    return f"data/{config}/{split}-00000-of-00001.parquet"


def findings(release: Release) -> list[Finding]:
    """What `validate` finds in the release as it now is on disk."""
    return list(validate_release(Release(release.root)))


def places(release: Release) -> set[Place]:
    """Where it finds something."""
    return {(finding.rule, finding.file, finding.row) for finding in findings(release)}


@dataclass(frozen=True)
class Plant:
    """One fault, and where it must be found."""

    name: str
    rule: str
    file: str
    row: int | None
    change: Callable[[Release], None]
    """Alters the release; its manifest is then brought in line unless the rule is `files`."""

    @property
    def place(self) -> Place:
        """What must be found, and nothing else."""
        return (self.rule, self.file, self.row)

    def __str__(self) -> str:
        return f"{self.rule}-{self.name}"


def in_cell(rule: str, config: str, row: int, column: str, value: Any, split: str = "train", name: str = "") -> Plant:
    """A cell with another value; see `change_cell`."""
    file = shard(config, split)

    def change(release: Release) -> None:
        change_cell(release, file, row, column, value)

    return Plant(name or f"{config}.{column}", rule, file, row, change)


def in_rows(rule: str, config: str, row: int | None, name: str, change: Callable[[list[Row]], Any]) -> Plant:
    """Rows of a training table that `change` alters in place."""
    file = shard(config)
    return Plant(name, rule, file, row, lambda release: change_rows(release, file, change))


def in_manifest(rule: str, name: str, change: Callable[[dict[str, Any]], Any]) -> Plant:
    """A manifest whose JSON `change` alters in place."""

    def alter(release: Release) -> None:
        change_manifest(release.root, change)

    return Plant(name, rule, "manifest.json", None, alter)


def in_splits(change: Callable[[dict[str, Any]], Any]) -> Plant:
    """A `splits.json` that `change` alters in place."""

    def alter(release: Release) -> None:
        path = release.root / "splits.json"
        listed = json.loads(path.read_bytes())
        change(listed)
        path.write_text(json.dumps(listed), encoding="utf-8")

    return Plant(change.__name__, "splits", "splits.json", None, alter)


def adding(field: str, number: int) -> Callable[[dict[str, Any]], None]:
    """A change of a manifest that adds to a number in it."""

    def change(manifest: dict[str, Any]) -> None:
        holder: Any = manifest
        *way, last = field.split(".")
        for part in way:
            holder = holder[part]
        holder[last] += number

    return change
