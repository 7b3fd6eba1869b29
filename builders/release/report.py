"""`report.html` of a release: its audit as charts, and a sample of its pairs and drops.

The sample is spread over strata (config, strategy, error or drop reason) and does not depend on the order of the rows.
"""

import hashlib
from bisect import insort
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

import pyarrow as pa

from ...cards.report import render_report
from ...schemas.audit import Audit
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.drops import HELD_OUT
from ...schemas.report import (
    REPORT_FILE,
    HeldOut,
    ReportAnswer,
    ReportJudge,
    ReportPair,
    ReportRewrite,
    ReportTurn,
    ReportVerdict,
)
from ...schemas.rows.layout_2 import Closeness, Judgement, Panel
from ..mining.panel import votes_of
from .card_context import count_crises
from .read import Release
from .write import write_into

SAMPLE = 400
"""Pairs on a page: a few MB, which any browser can show."""

_HELD_OUT = frozenset(reason.value for reason in HELD_OUT)

# Most turns shown before a reply.
_TURNS = 60

# Most characters shown of one text.
_CHARACTERS = 4_000

Row = dict[str, Any]
Stratum = tuple[str, ...]
T = TypeVar("T")
Numbers = TypeVar("Numbers", Panel, Closeness)
Offered = tuple[Stratum, str, Callable[[], Row]]
"""Stratum, rank, and a function that makes the row of a candidate for the sample."""


def write_report(release: Release, audit: Audit, sample: int = SAMPLE) -> None:
    """Writes `report.html` into the release, and its record into the manifest.

    The page shows no dialogue that is held out for a crisis, and no pair or drop made from one.

    Raises:
        DataError: a table is missing or damaged.
        UsageError: the release is a snapshot in the Hub's cache.
    """
    held_out = _held_out(release)
    found = StratifiedSample[Row](sample)
    for stratum, rank, make in _candidates(release, held_out):
        found.offer(stratum, rank, make)
    pairs = report_pairs(release, found.items())
    page = render_report(audit, pairs, of=found.seen, held_out=_count_held_out(release))
    write_into(release.root, REPORT_FILE, page)


def report_pairs(release: Release, rows: list[Row]) -> list[ReportPair]:
    """The pairs of a report, from rows of preference configs and of `dropped` with `config` and `split` added."""
    dialogues = _dialogues(release, {row["dialogue_id"] for row in rows})
    return [report_pair(row, dialogues.get(row["dialogue_id"])) for row in rows]


# Ids of the dialogues whose seeker may be in a crisis, or for which no judge could tell.
def _held_out(release: Release) -> set[str]:
    files = release.files(Config.CRISIS_HOLDOUT)
    return {one for path in files for batch in release.batches(path) for one in _cells(batch, "dialogue_id")}


# How much the page leaves out for a crisis; None if the release holds nothing out.
def _count_held_out(release: Release) -> HeldOut | None:
    if (crises := count_crises(release.root, release.manifest)) is None:
        return None
    dropped = [crises.split_unread(config, release.manifest.counts[config].dropped) for config in PAIR_CONFIGS]
    seen, unread = (sum(reasons.get(one, 0) for reasons in dropped) for one in HELD_OUT)
    return HeldOut(dialogues=crises.seen, candidates=seen, unread=crises.unread, unread_candidates=unread)


# Every pair and every dropped candidate, except those of dialogues that are held out.
def _candidates(release: Release, held_out: set[str]) -> Iterator[Offered]:
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
            # A row's id is a digest, so its order is as good as random and the same in every release.
            yield stratum, row_id, partial(_row, batch, at, {"config": name, "split": split.value})


# The first of these columns that the batch has, as text; empty texts if a damaged release has none of them.
def _cells(batch: pa.RecordBatch, *names: str) -> list[str]:
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


def report_pair(row: Row, dialogue: Row | None) -> ReportPair:
    """One pair of a report.

    Args:
        row: of a preference config or of `dropped`, with `config` and `split` added.
        dialogue: its row of `dialogues`, if there is one.
    """
    turns = dialogue["turns"] if dialogue else []
    here = len(turns) if row["turn"] is None else row["turn"]
    before = turns[:here]
    dropped = "reason" in row
    strategy = row.get("strategy") or row.get("chosen_strategy")
    is_strategy = row["config"] == Config.STRATEGY
    chosen = row["human"] or "" if dropped else _text_of(row["chosen"])
    rejected = row["reply"] if dropped else _text_of(row["rejected"])
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
        human=_cut(turns[here]["text"]) if is_strategy and here < len(turns) else None,
        chosen=_cut(strategy or "" if is_strategy else chosen),
        rejected=None if rejected is None else _cut(rejected),
        chosen_verdict=_verdict(row.get("chosen_verdict")),
        rejected_verdict=_verdict(row.get("rejected_verdict")),
        panel=_numbers_of(Panel, row.get("panel")),
        judges=_judges(row.get("judgements") or []),
        closeness=_numbers_of(Closeness, row.get("closeness")),
        rewrite=_rewrite(row.get("rewrite")),
    )


def _turn(turn: Row) -> ReportTurn:
    return ReportTurn(speaker=turn["speaker"], text=_cut(turn["text"]), strategy=turn["strategy"])


def _verdict(record: Row | None) -> ReportVerdict | None:
    if record is None:
        return None
    judge = record["model"] + (f" ({record['revision']})" if record["revision"] else "")
    said = {name: record[name] and _cut(record[name]) for name in ("rationale", "raw")}
    return ReportVerdict(judge=judge, error=record["error"], **said)


# The judges in the order of their answers, named as in the audit.
def _judges(judgements: list[Row]) -> tuple[ReportJudge, ...]:
    by_judge: dict[str, list[Row]] = {}
    for one in judgements:
        by_judge.setdefault(_model(one) + (f" (draw {one['draw']})" if one["draw"] else ""), []).append(one)
    return tuple(
        ReportJudge(judge=judge, vote=_vote(answers), answers=tuple(_answer(one) for one in answers))
        for judge, answers in by_judge.items()
    )


def _vote(answers: list[Row]) -> str | None:
    try:
        (vote,) = votes_of([Judgement.model_validate(one) for one in answers])
    except ValueError:  # an answer is missing or impossible: `validate` reports it
        return None
    return vote.value


def _answer(record: Row) -> ReportAnswer:
    found = {name: record[name] for name in ("order", "better", "chosen_error", "rejected_error")}
    said = {name: record[name] and _cut(record[name]) for name in ("rationale", "problem", "raw")}
    return ReportAnswer(**found, **said)


# The numbers of a record; None if there is no record, or if one is missing (which `validate` reports).
def _numbers_of(kind: type[Numbers], record: Row | None) -> Numbers | None:
    return kind(**record) if record and None not in record.values() else None


def _rewrite(record: Row | None) -> ReportRewrite | None:
    if record is None:
        return None
    original, error, key = _cut(record["original"]), record["error"], record["request_key"]
    return ReportRewrite(by=_model(record), error=error, original=original, request_key=key)


def _model(record: Row) -> str:
    return f"{record['model']}#{record['revision']}" if record["revision"] else str(record["model"])


def _text_of(messages: list[Row] | None) -> str:
    return "\n".join(message["content"] or "" for message in messages or ())


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} … ({len(text) - _CHARACTERS} characters more)"


class StratifiedSample(Generic[T]):
    """A sample of `limit` items, taken in turn from every stratum that has items left, lowest ranks first.

    It does not depend on the order in which items are offered, and memory stays below 2 `limit` items. If there are
    more strata than `limit`, those with the lowest digests are sampled.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0
        self._strata: dict[Stratum, list[tuple[str, T]]] = {}
        self._held = 0
        self._most = limit

    def offer(self, stratum: Stratum, rank: str, make: Callable[[], T]) -> None:
        """Offers an item; `make` is called only if the item may stay. No two items of a stratum may share a rank."""
        self.seen += 1
        items = self._strata.setdefault(stratum, [])
        if len(items) >= self._most:
            if rank >= items[-1][0]:
                return
            items.pop()
            self._held -= 1
        insort(items, (rank, make()), key=_rank_of)
        self._held += 1
        if self._held > 2 * self.limit:
            self._trim()

    def items(self) -> list[T]:
        """The sample, stratum by stratum, sorted by name."""
        self._trim()
        return [item for _, items in sorted(self._strata.items()) for _, item in items]

    # Discards items that are not in the sample: further items can only push them further down.
    def _trim(self) -> None:
        places = [
            (place, _digest(stratum), stratum)
            for stratum, items in self._strata.items()
            for place in range(min(len(items), self.limit))
        ]
        kept: dict[Stratum, int] = {}
        for place, _, stratum in sorted(places)[: self.limit]:
            kept[stratum] = place + 1
        self._strata = {stratum: self._strata[stratum][:number] for stratum, number in kept.items()}
        self._held = sum(kept.values())
        if self._held == self.limit:
            self._most = max(kept.values())


def _rank_of(item: tuple[str, T]) -> str:
    return item[0]


def _digest(stratum: Stratum) -> str:
    return hashlib.sha256("\0".join(stratum).encode()).hexdigest()
