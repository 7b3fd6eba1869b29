"""Cells that cannot be read: all are told together, each with its place, before anything is stored."""

from dataclasses import dataclass, field
from pathlib import Path

from ...schemas.errors import UsageError
from .readers import RawRow

_MOST_TOLD = 50


@dataclass
class BadCells:
    """In the order in which they were met."""

    told: list[str] = field(default_factory=list)

    def cell(self, file: Path, row: RawRow, column: str, what: str) -> None:
        """Notes one."""
        self.told.append(f"{file}: {row.place}: column {column}: {what}")

    def stop(self) -> None:
        """
        Raises:
            UsageError: there are any; the message has a line for each.
        """
        if self.told:
            more = [f"… and {len(self.told) - _MOST_TOLD} more"] if len(self.told) > _MOST_TOLD else []
            raise UsageError("\n  ".join([f"{len(self.told)} bad cells:", *self.told[:_MOST_TOLD], *more]))
