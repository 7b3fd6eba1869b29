"""`report.html` of a release: its audit as charts, and a sample of its pairs to look at."""

from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa

from ..cards.report import render_report
from ..schemas.audit import Audit
from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.drops import HELD_OUT
from ..schemas.report import FILE_NAME, HeldOut, ReportPair
from .release.crisis_counts import count_crises
from .release.read import Release
from .release.write import write_into
from .report_pairs import Row, report_pair
from .stratified import StratifiedSample

SAMPLE = 400
"""Pairs on a page: some MB that any browser takes."""

_HELD_OUT = frozenset(reason.value for reason in HELD_OUT)

Offered = tuple[tuple[str, ...], str, Callable[[], Row]]
"""Stratum, rank and row of something that may be in the sample."""


def write_report(release: Release, audit: Audit, sample: int = SAMPLE) -> None:
    """Writes `report.html` into the release, and the manifest's record of it; nothing else of the manifest changes.

    No dialogue that is held out for a crisis is on the page, nor anything that was to be made of it.
    """
    held_out = _held_out(release)
    found = StratifiedSample[Row](sample)
    for stratum, rank, make in _candidates(release, held_out):
        found.offer(stratum, rank, make)
    pairs = report_pairs(release, found.items())
    page = render_report(audit, pairs, of=found.seen, held_out=_told(release))
    write_into(release.root, FILE_NAME, page)


def report_pairs(release: Release, rows: list[Row]) -> list[ReportPair]:
    """Rows of preference configs and of `dropped`, with `config` and `split`, as a report shows them."""
    dialogues = _dialogues(release, {row["dialogue_id"] for row in rows})
    return [report_pair(row, dialogues.get(row["dialogue_id"])) for row in rows]


def _held_out(release: Release) -> set[str]:
    """Ids of the dialogues in which somebody may be in a crisis, or of which no judge could say."""
    files = release.files(Config.CRISIS_HOLDOUT)
    return {one for path in files for batch in release.batches(path) for one in _cells(batch, "dialogue_id")}


def _told(release: Release) -> HeldOut | None:
    """What the page says of them; None where the release holds nothing out."""
    if (crises := count_crises(release.root, release.manifest)) is None:
        return None
    dropped = [crises.apart(config, release.manifest.counts[config].dropped) for config in PAIR_CONFIGS]
    seen, unread = (sum(reasons.get(one, 0) for reasons in dropped) for one in HELD_OUT)
    return HeldOut(dialogues=crises.seen, candidates=seen, unread=crises.unread, unread_candidates=unread)


def _candidates(release: Release, held_out: set[str]) -> Iterator[Offered]:
    """Everything that is a pair or was to become one, but for dialogues that are held out."""
    for config in (*PAIR_CONFIGS, Config.DROPPED):
        for split in Split:
            for path in release.files(config, split):
                for batch in release.batches(path):
                    yield from _of_batch(batch, config, split, held_out)


def _of_batch(batch: pa.RecordBatch, config: Config, split: Split, held_out: set[str]) -> Iterator[Offered]:
    dropped = config is Config.DROPPED
    configs = _cells(batch, "config") if dropped else [config.value] * batch.num_rows
    strategies = _cells(batch, "strategy", "chosen_strategy")
    outcomes = _cells(batch, "reason" if dropped else "rejected_error")
    columns = zip(configs, _cells(batch, "row_id"), _cells(batch, "dialogue_id"), strategies, outcomes, strict=True)
    for at, (name, row_id, dialogue_id, strategy, outcome) in enumerate(columns):
        if name in PAIR_CONFIGS and outcome not in _HELD_OUT and dialogue_id not in held_out:
            stratum = (name, strategy, "dropped" if dropped else "kept", outcome)
            # A row's id is a digest: as good a draw as any, and the same wherever the row stands.
            yield stratum, row_id, partial(_row, batch, at, {"config": name, "split": split.value})


def _cells(batch: pa.RecordBatch, *names: str) -> list[str]:
    """The first of these columns that there is, as text; empty where a damaged release lacks it."""
    for name in names:
        if name in batch.schema.names:
            return ["" if cell is None else str(cell) for cell in batch.column(name).to_pylist()]
    return [""] * batch.num_rows


def _row(batch: pa.RecordBatch, at: int, place: Row) -> Row:
    return {**batch.slice(at, 1).to_pylist()[0], **place}


def _dialogues(release: Release, wanted: set[str]) -> dict[str, Row]:
    found = {}
    for path in release.files(Config.DIALOGUES):
        for batch in release.batches(path):
            for at, dialogue_id in enumerate(batch.column("dialogue_id").to_pylist()):
                if dialogue_id in wanted:
                    found[dialogue_id] = _row(batch, at, {})
    return found
