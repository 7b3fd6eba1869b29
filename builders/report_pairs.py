"""Rows of either layout as a report shows them."""

from typing import Any, TypeVar

from ..schemas.config import Config
from ..schemas.report import ReportAnswer, ReportJudge, ReportPair, ReportRewrite, ReportTurn, ReportVerdict
from ..schemas.rows.layout_2 import Closeness, Judgement, Panel
from .mining.panel import votes_of

_TURNS = 60
"""Turns before a reply that are shown."""

_CHARACTERS = 4_000
"""Of one text that are shown."""

Row = dict[str, Any]
Numbers = TypeVar("Numbers", Panel, Closeness)


def report_pair(row: Row, dialogue: Row | None) -> ReportPair:
    """A row of a preference config or of `dropped`, with `config` and `split`; `dialogue` is its row of `dialogues`."""
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
        panel=_whole(Panel, row.get("panel")),
        judges=_judges(row.get("judgements") or []),
        closeness=_whole(Closeness, row.get("closeness")),
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


def _judges(judgements: list[Row]) -> tuple[ReportJudge, ...]:
    """The judges in the order in which they were asked; they are called what the audit calls them."""
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
    except ValueError:  # an answer is missing, or holds what no judge can say: for `validate` to tell
        return None
    return vote.value


def _answer(record: Row) -> ReportAnswer:
    found = {name: record[name] for name in ("order", "better", "chosen_error", "rejected_error")}
    said = {name: record[name] and _cut(record[name]) for name in ("rationale", "problem", "raw")}
    return ReportAnswer(**found, **said)


def _whole(kind: type[Numbers], record: Row | None) -> Numbers | None:
    """The numbers of a record; None where there is none, and where one is missing: for `validate` to tell."""
    return kind(**record) if record and None not in record.values() else None


def _rewrite(record: Row | None) -> ReportRewrite | None:
    if record is None:
        return None
    original, error, key = _cut(record["original"]), record["error"], record["request_key"]
    return ReportRewrite(by=_model(record), error=error, original=original, request_key=key)


def _model(record: Row) -> str:
    return f"{record['model']}#{record['revision']}" if record["revision"] else str(record["model"])


def _words(messages: list[Row] | None) -> str:
    return "\n".join(message["content"] or "" for message in messages or ())


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} … ({len(text) - _CHARACTERS} characters more)"
