"""`report.html` of a release: its audit as charts, and a sample of its pairs to look at."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from ..cards.report import render_report
from ..schemas.audit import Audit
from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Split
from ..schemas.report import FILE_NAME, ReportPair, ReportTurn, ReportVerdict
from .release.read import Release
from .release.write import write_into
from .stratified import StratifiedSample

SAMPLE = 400
"""Pairs on a page: some MB that any browser takes."""

_TURNS = 60
"""Turns before a reply that are shown."""

_CHARACTERS = 4_000
"""Of one text that are shown."""

Row = dict[str, Any]


def write_report(release: Release, audit: Audit, sample: int = SAMPLE) -> None:
    """Writes `report.html` into the release, and the manifest's record of it; nothing else of the manifest changes."""
    found = StratifiedSample[Row](sample)
    for stratum, rank, make in _candidates(release):
        found.offer(stratum, rank, make)
    write_into(release.root, FILE_NAME, render_report(audit, report_pairs(release, found.items()), of=found.seen))


def report_pairs(release: Release, rows: list[Row]) -> list[ReportPair]:
    """Rows of preference configs and of `dropped`, with `config` and `split`, as a report shows them."""
    dialogues = _dialogues(release, {row["dialogue_id"] for row in rows})
    return [_pair(row, dialogues.get(row["dialogue_id"])) for row in rows]


def _candidates(release: Release) -> Iterator[tuple[tuple[str, ...], str, Callable[[], Row]]]:
    """Stratum, rank and row of everything that is a pair or was to become one."""
    for config in (*PAIR_CONFIGS, Config.DROPPED):
        for split in Split:
            for path in release.files(config, split):
                for batch in release.batches(path):
                    yield from _of_batch(batch, config, split)


def _of_batch(
    batch: pa.RecordBatch, config: Config, split: Split
) -> Iterator[tuple[tuple[str, ...], str, Callable[[], Row]]]:
    dropped = config is Config.DROPPED
    configs = _cells(batch, "config") if dropped else [config.value] * batch.num_rows
    strategies = _cells(batch, "strategy", "chosen_strategy")
    outcomes = _cells(batch, "reason" if dropped else "rejected_error")
    columns = zip(configs, _cells(batch, "row_id"), strategies, outcomes, strict=True)
    for at, (name, row_id, strategy, outcome) in enumerate(columns):
        if name in PAIR_CONFIGS:
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


def _pair(row: Row, dialogue: Row | None) -> ReportPair:
    turns = dialogue["turns"] if dialogue else []
    here = len(turns) if row["turn"] is None else row["turn"]
    before = turns[:here]
    dropped = "reason" in row
    strategy = row.get("strategy") or row.get("chosen_strategy")
    wordless = row["config"] == Config.STRATEGY
    chosen = row["human"] or "" if dropped else _words(row["chosen"])
    rejected = row["reply"] if dropped else _words(row["rejected"])
    return ReportPair(
        id=row["row_id"],
        config=row["config"],
        split=row["split"],
        source=row["source"],
        dialogue_id=row["dialogue_id"],
        turn=row["turn"],
        reason=row.get("reason"),
        detail=_cut(row.get("detail") or ""),
        strategy=strategy,
        rejected_strategy=row.get("rejected_strategy"),
        error=row.get("rejected_error"),
        earlier=max(0, len(before) - _TURNS),
        turns=tuple(_turn(turn) for turn in before[-_TURNS:]),
        human=_cut(turns[here]["text"]) if wordless and here < len(turns) else None,
        chosen=_cut(strategy or "" if wordless else chosen),
        rejected=None if rejected is None else _cut(rejected),
        chosen_verdict=_verdict(row.get("chosen_verdict")),
        rejected_verdict=_verdict(row.get("rejected_verdict")),
    )


def _turn(turn: Row) -> ReportTurn:
    return ReportTurn(speaker=turn["speaker"], text=_cut(turn["text"]), strategy=turn["strategy"])


def _verdict(record: Row | None) -> ReportVerdict | None:
    if record is None:
        return None
    judge = record["model"] + (f" ({record['revision']})" if record["revision"] else "")
    said = {name: record[name] and _cut(record[name]) for name in ("rationale", "raw")}
    return ReportVerdict(judge=judge, error=record["error"], **said)


def _words(messages: list[Row] | None) -> str:
    return "\n".join(message["content"] or "" for message in messages or ())


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} … ({len(text) - _CHARACTERS} characters more)"
