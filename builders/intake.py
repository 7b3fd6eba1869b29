"""Takes the sources in: every dialogue checked, counted, placed in a split, and spooled to disk in source order."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..schemas.dialogue import Dialogue, Split
from ..schemas.errors import SourceError
from ..schemas.manifest import SourceRecord
from ..schemas.spec import SplitRule
from .mining.turns import PlacedDialogue
from .release.splits import SplitPlan, Splits
from .sources.shapes import BadDialogue
from .sources.source import Source

OnBadDialogue = Literal["stop", "skip"]


@dataclass(frozen=True)
class Intake:
    """What was taken in; can be walked through any number of times without holding the dialogues."""

    spool: Path
    """The dialogues, one JSON line each, in source order."""
    splits: Splits
    sources: tuple[SourceRecord, ...]
    licenses: frozenset[str]
    """The licences of all dialogues."""

    def __iter__(self) -> Iterator[PlacedDialogue]:
        """Every dialogue in source order with its split."""
        with self.spool.open("rb") as lines:
            for position, (line, split) in enumerate(zip(lines, self.splits.splits, strict=True)):
                yield PlacedDialogue(Dialogue.model_validate_json(line), position, split)

    def of_split(self, split: Split) -> Iterator[Dialogue]:
        """The dialogues of one split, in source order."""
        return (placed.dialogue for placed in self if placed.split is split)


def take_in(
    sources: Sequence[Source], rule: SplitRule, spool: Path, *, on_bad: OnBadDialogue, limit: int | None
) -> Intake:
    """Reads all sources into `spool`, at most `limit` dialogues of them.

    Raises:
        SourceError: a source cannot be read, holds a bad dialogue while `on_bad` is `stop`, or nothing is left.
    """
    plan, seen = SplitPlan(rule), dict[int, str]()
    records: list[SourceRecord] = []
    licenses: set[str] = set()
    with spool.open("wb") as file:
        for source in sources:
            taken, turns, skipped = 0, 0, Counter[str]()
            for found in source:
                if limit is not None and len(seen) >= limit:
                    break
                found = _unless_seen(found, seen, source, taken + skipped.total())
                if isinstance(found, BadDialogue):
                    if on_bad == "stop":
                        raise SourceError(f"{found}; mend it, or leave such dialogues out with --on-bad-dialogue skip")
                    skipped[found.reason] += 1
                    continue
                plan.add(found)
                licenses.add(found.license)
                file.write(found.model_dump_json().encode() + b"\n")
                taken, turns = taken + 1, turns + len(found.turns)
            records.append(_record(source, taken, turns, skipped))
    if not seen:
        raise SourceError(f"no dialogue in {', '.join(source.uri for source in sources)}")
    return Intake(spool, plan.decide(), tuple(records), frozenset(licenses))


def _unless_seen(
    found: Dialogue | BadDialogue, seen: dict[int, str], source: Source, index: int
) -> Dialogue | BadDialogue:
    """The dialogue, or the finding that it was there before; remembers it."""
    if isinstance(found, BadDialogue):
        return found
    fingerprint, here = int(found.dialogue_id, 16), f"{source.uri}: dialogue {index}"
    first = seen.get(fingerprint)
    if first is None:
        seen[fingerprint] = here
        return found
    return BadDialogue(
        source=source.uri, index=index, turn=0, reason="duplicate_dialogue", detail=f"the same words as {first}"
    )


def _record(source: Source, taken: int, turns: int, skipped: Counter[str]) -> SourceRecord:
    return SourceRecord(
        name=source.name,
        uri=source.uri,
        kind=source.kind or "unread",
        sha256=source.sha256,
        revision=source.revision,
        license=source.license,
        dialogues=taken,
        turns=turns,
        skipped=dict(sorted(skipped.items())),
    )


def splits_text(intake: Intake, rule: SplitRule) -> str:
    """The content of `splits.json`."""
    return json.dumps(intake.splits.as_json(rule), indent=1) + "\n"
