"""What `validate` tells."""

from ...schemas.base import Frozen


class Finding(Frozen):
    """A promise that is not kept, at one place."""

    rule: str
    """Id of the rule; `ipm-prefdial validate --rules` tells what each means."""
    file: str
    """Path below the release."""
    row: int | None = None
    """The row in that file, from 0, where it is a row's."""
    detail: str = ""
    """What is wrong, in words."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.file}{'' if self.row is None else f': row {self.row}'}: {self.detail}"
