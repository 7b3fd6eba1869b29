"""The written sentences with personal data, and how much of it rules find."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipm_prefdial.schemas.safety import PiiSpan

SENTENCES = Path(__file__).parents[1] / "safety" / "personal_data.jsonl"
Row = dict[str, Any]


def read_personal_data() -> list[Row]:
    """Id, text, batch, and the spans as kind, start and end; sentences without a span look like personal data only."""
    return [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]


def half_of(row: Row) -> str:
    """`develop` or `hold`, by a hash of the id."""
    return "hold" if hashlib.sha256(row["id"].encode()).digest()[0] % 2 else "develop"


@dataclass(frozen=True)
class Found:
    """Recall and precision as counts."""

    hits: int
    """Written spans that the finds cover whole, whatever kind they are given: so they are masked."""
    spans: int
    right: int
    """Finds that touch a written span."""
    finds: int

    @property
    def recall(self) -> float:
        """`hits / spans`."""
        return self.hits / self.spans

    @property
    def precision(self) -> float:
        """`right / finds`."""
        return self.right / self.finds


def measure_finds(rows: Sequence[Row], find: Callable[[str], tuple[PiiSpan, ...]], *, names: bool) -> Found:
    """Of names alone, or of everything else: the forms of a fixed shape."""
    hits = spans = right = finds = 0
    for row in rows:
        found = find(row["text"])
        covered = {place for span in found for place in range(span.start, span.end)}
        wanted = [(start, end) for kind, start, end in row["spans"] if (kind == "name") == names]
        spans += len(wanted)
        hits += sum(covered.issuperset(range(*one)) for one in wanted)
        mine = [span for span in found if (span.kind == "name") == names]
        finds += len(mine)
        right += sum(any(one.start < end and start < one.end for _, start, end in row["spans"]) for one in mine)
    return Found(hits, spans, right, finds)
