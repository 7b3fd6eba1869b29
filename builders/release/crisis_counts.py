"""How many dialogues a release holds out because of a crisis that was seen, and how many because nobody could tell.

A finding of a judge that names no category is an answer that could not be read. A dialogue with such findings alone is
held out unread: it says nothing of its seeker, only of its judge. From layout 4 on its rows say `crisis_unread`; those
of layouts 2 and 3 say `crisis`, since what is released keeps its bytes, and are told apart here.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.drops import DropReason
from .read import Release


class CrisisCounts(Frozen):
    """What is held out, by whether somebody saw a sign of a crisis."""

    seen: int
    """Dialogues with a sign that a rule or a judge saw."""
    unread: int
    """Dialogues of which a judge gave no answer that can be read, and nothing else is known."""
    unread_named_crisis: dict[Config, int]
    """Candidates of such dialogues whose row in `dropped` says `crisis`, by config: of layouts 2 and 3 alone."""

    def lines(self) -> Iterator[str]:
        """What is held out, in sentences."""
        if self.seen:
            yield f"{_dialogues(self.seen)} held out, since a seeker may be in a crisis there."
        if self.unread:
            yield (
                f"{_dialogues(self.unread)} held out unread: a crisis judge gave no answer that can be read, which "
                "says nothing of the seeker. People have to read them, or a judge that answers."
            )


def count_crises(release: Release) -> CrisisCounts | None:
    """The counts of a release; None where it holds no dialogues out."""
    if Config.CRISIS_HOLDOUT not in release.configs or release.manifest.spec.safety.crisis != "hold_out":
        return None
    unread: set[str] = set()
    held_out = 0
    for path in release.files(Config.CRISIS_HOLDOUT):
        for batch in release.batches(path):
            columns = (batch.column(name).to_pylist() for name in ("dialogue_id", "findings"))
            for dialogue_id, findings in zip(*columns, strict=True):
                held_out += 1
                if all_unread(findings):
                    unread.add(dialogue_id)
    return CrisisCounts(
        seen=held_out - len(unread), unread=len(unread), unread_named_crisis=_named_crisis(release, unread)
    )


def is_unread(finding: Any) -> bool:
    """Whether a finding is a judge's answer that could not be read, and no sign of a crisis."""
    return finding["judge"] is not None and finding["category"] is None


def all_unread(findings: Sequence[Any]) -> bool:
    """Whether nobody saw a sign of a crisis in a dialogue that is held out."""
    return all(map(is_unread, findings))


def _named_crisis(release: Release, unread: set[str]) -> dict[Config, int]:
    if not unread:
        return {}
    counts: Counter[Config] = Counter()
    for path in release.files(Config.DROPPED):
        for batch in release.batches(path):
            columns = (batch.column(name).to_pylist() for name in ("dialogue_id", "config", "reason"))
            for dialogue_id, config, reason in zip(*columns, strict=True):
                if reason == DropReason.CRISIS and dialogue_id in unread:
                    counts[Config(config)] += 1
    return dict(counts)


def _dialogues(number: int) -> str:
    return f"{number} dialogue is" if number == 1 else f"{number} dialogues are"
