"""What a measure is: it is shown every batch once and then tells its part of the audit."""

from typing import Any

from .batch import Pairs, Table
from .drops import Drops


class Measure:
    """Looks at a stream of batches and remembers little of it; a measure overrides what it needs.

    The stream begins with the dialogues, demonstrations and traces of a release, then come the pairs, then what was
    dropped.
    """

    def take_dialogues(self, table: Table) -> None:
        """Looks at rows of `dialogues`."""

    def take_demonstrations(self, table: Table) -> None:
        """Looks at rows of an SFT config."""

    def take_traces(self, table: Table) -> None:
        """Looks at rows of a reasoning config."""

    def take_pairs(self, pairs: Pairs) -> None:
        """Looks at rows of a preference config."""

    def take_drops(self, drops: Drops) -> None:
        """Looks at dropped candidates of one config."""

    def tell(self) -> dict[str, Any]:
        """The fields of the audit that it fills, after the last batch."""
        raise NotImplementedError
