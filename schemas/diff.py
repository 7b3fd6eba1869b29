"""The diff of two releases, and the version step that it requires."""

from enum import StrEnum

from pydantic import Field

from .base import Frozen
from .spec import Bump


class Presence(StrEnum):
    """Where something is of two releases."""

    BOTH = "both"
    ADDED = "added"
    """Only in the new one."""
    GONE = "gone"
    """Only in the old one."""


class RowChange(StrEnum):
    """The kinds of change of a row, those that break most for a reader first."""

    GONE = "gone"
    CHANGED = "changed"
    """A cell differs in a column that both releases have."""
    MOVED = "moved"
    """The row is in another split; its cells may differ too."""
    ADDED = "added"


class ColumnDiff(Frozen):
    """A column that only one release has, or that has another type."""

    column: str
    old: str | None
    """Its type; null where the old release does not have it."""
    new: str | None
    """Its type; null where the new release does not have it."""


class SplitDiff(Frozen):
    """The rows of one split; `new = old + added - gone + moved_in - moved_out`."""

    split: str
    presence: Presence
    old: int = Field(ge=0)
    """Rows in the old release."""
    new: int = Field(ge=0)
    """Rows in the new release."""
    added: int = Field(default=0, ge=0)
    """Rows whose id no split of the old release has."""
    gone: int = Field(default=0, ge=0)
    """Rows whose id no split of the new release has."""
    moved_in: int = Field(default=0, ge=0)
    """Rows that were in another split."""
    moved_out: int = Field(default=0, ge=0)
    """Rows that are in another split now."""
    changed: int = Field(default=0, ge=0)
    """Rows that are here now and differ in a column that both releases have, with the same type."""
    columns: dict[str, int] = Field(default_factory=dict)
    """The number of changed rows that differ in each column."""

    @property
    def differs(self) -> bool:
        """Whether any row does."""
        return bool(self.added or self.gone or self.moved_in or self.moved_out or self.changed)


class ConfigDiff(Frozen):
    """One config of two releases."""

    config: str
    presence: Presence
    columns: tuple[ColumnDiff, ...] = ()
    """Columns added, gone or of another type; none where only one release has the config."""
    splits: tuple[SplitDiff, ...]

    @property
    def differs(self) -> bool:
        """Whether the config, a column, a split or a row does."""
        splits = any(one.differs or one.presence is not Presence.BOTH for one in self.splits)
        return self.presence is not Presence.BOTH or bool(self.columns) or splits

    def total(self, count: str) -> int:
        """The sum of a count of `SplitDiff` over the splits."""
        return sum(getattr(one, count) for one in self.splits)


class FileDiff(Frozen):
    """A file that is not a table."""

    file: str
    """Path below the release."""
    presence: Presence
    """`both`: its bytes differ."""


class RowDiff(Frozen):
    """One row that is not as it was."""

    config: str
    split: str
    """Where it is now; where it was, if it is gone."""
    moved_from: str | None = None
    """Where it was, if it moved."""
    row_id: str | None
    """Its id; null only in a broken release."""
    what: RowChange
    columns: tuple[str, ...] = ()
    """The columns in which it differs."""


class Reason(Frozen):
    """One thing that asks for a step of the version."""

    needs: Bump
    config: str | None
    """Where; null where it is not a config's."""
    what: str
    """A description of the difference."""

    def __str__(self) -> str:
        return f"{self.needs}: {'' if self.config is None else f'{self.config}: '}{self.what}"


class Diff(Frozen):
    """The diff of two releases."""

    old: str
    """Version of the old release."""
    new: str
    """Version that the new release states."""
    needs: Bump
    """The step that the differences need."""
    states: Bump | None
    """The step that the new release's version states; null where it is below the old one's."""
    fits: bool
    """Whether the new release may carry its version: what it states covers what it needs."""
    smallest: str
    """The smallest version that the new release could carry."""
    reasons: tuple[Reason, ...]
    """Everything that asks for a step, the largest first."""
    configs: tuple[ConfigDiff, ...]
    """Every config of either release, also those that do not differ."""
    rewritten: tuple[str, ...]
    """Tables of the new release that hold the old rows in other bytes: another Parquet writer, order or sharding."""
    files: tuple[FileDiff, ...]
    """Files other than tables that differ; the manifest is left out, since it also describes the run."""
    rows: tuple[RowDiff, ...] = ()
    """The first rows that differ, where they were asked for."""
    rows_left_out: int = Field(default=0, ge=0)
    """Rows that differ and are not in `rows`, where rows were asked for."""

    @property
    def verdict(self) -> str:
        """Whether the new version's number fits, in a line."""
        if self.states is None:
            return f"{self.new} does not fit: it is below {self.old}; {self.smallest} is the smallest that does"
        if self.needs is Bump.NONE:
            return f"nothing differs: {self.new} fits"
        step = f"the differences need a {self.needs} version"
        if self.fits:
            return f"{self.new} fits: {step}, and from {self.old} that is a {self.states} one"
        stated = "it is the old version's own" if self.states is Bump.NONE else f"it states a {self.states} one"
        return f"{self.new} does not fit: {step}, {stated}; {self.smallest} is the smallest that does"
