"""The card's sections on measurements: the audit, the review by people, and the validation by training.

Functions return lines for the template's tables. Text from outside is escaped here, where it is put in.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ..schemas.audit import Audit, GateResult
from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.escape import Markdown, escape_code, escape_markdown, escape_sentence
from ..schemas.measures import Interval
from ..schemas.publishing import AcceptedGate
from ..schemas.review import ConfigReview, CrisisDecision, CrisisReview, Review
from ..schemas.study import Answered, StudyOutcome, Validation
from ._words import UNDEFINED, as_words, fixed, format_ci, verdict


def gate_lines(audit: Audit) -> list[dict[str, Any]]:
    """A line for each gate: the number of its measures, the worst one, and the outcome."""
    return [_gate_line(name, list(some)) for name, some in groupby(audit.gates, key=lambda gate: gate.name)]


def _gate_line(name: str, some: Sequence[GateResult]) -> dict[str, Any]:
    worst = next((gate for gate in some if gate.value is not None), None)
    for gate in some:
        if worst is not None and worst.value is not None and gate.worse_than(worst.value):
            worst = gate
    return {
        "name": name,
        "measures": len(some),
        "worst": UNDEFINED if worst is None else f"{number(worst.value)} ({as_words(worst.measure)})",
        "limit": f"{'≥ ' if some[0].bound == 'least' else ''}{number(some[0].limit)}",
        "answer": _answer(some),
        "why": escape_sentence(some[0].why),
    }


# The worst outcome among the measures, and how many have it if not all do.
def _answer(some: Sequence[GateResult]) -> str:
    for outcome in ("failed", "cannot_tell", "passed", "not_applicable"):
        having = [gate for gate in some if gate.answer == outcome]
        if having:
            of = f" ({len(having)} of {len(some)})" if outcome != "passed" and len(having) < len(some) else ""
            return verdict(having[0]) + of
    return UNDEFINED


def unpassed_lines(audit: Audit, accepted: Sequence[AcceptedGate]) -> list[dict[str, str]]:
    """Every measure that failed or cannot tell, and the maintainer's reason for accepting it, if there is one."""
    return [
        {
            "name": gate.name,
            "answer": as_words(gate.answer),
            "measure": as_words(gate.measure),
            "value": Markdown("" if gate.value is None else f" is {number(gate.value)}"),
            "interval": Markdown("" if gate.low is None else f" [{fixed(gate.low)}, {fixed(gate.high)}]"),
            "limit": f"{'at least ' if gate.bound == 'least' else ''}{number(gate.limit)}",
            "note": escape_sentence(f"; {gate.note}") if gate.note else "",
            "accepted": next((escape_sentence(one.why) for one in accepted if one.covers(gate)), ""),
        }
        for gate in audit.unpassed
    ]


def number(value: float | None) -> str:
    """A measured value or a limit, to four significant digits."""
    return UNDEFINED if value is None else f"{value:.4g}"


def strategy_lines(audit: Audit) -> list[dict[str, Any]]:
    """How often each strategy is on the chosen and on the rejected side, by config."""
    chosen, rejected = (_labelled(audit, label) for label in ("chosen_strategy", "rejected_strategy"))
    names = dict.fromkeys(name for counts in (*chosen.values(), *rejected.values()) for name in counts)
    return [
        {
            "strategy": name,
            "counts": [(chosen[config.value][name], rejected[config.value][name]) for config in PAIR_CONFIGS],
        }
        for name in names
    ]


def error_lines(audit: Audit) -> list[dict[str, Any]]:
    """How often the rejected side has each error, by config."""
    found = _labelled(audit, "error")
    names = dict.fromkeys(name for counts in found.values() for name in counts)
    return [{"error": name, "counts": [found[config.value][name] for config in PAIR_CONFIGS]} for name in names]


# Counts of a label over all splits, by config.
def _labelled(audit: Audit, label: str) -> dict[str, Counter[str]]:
    found = {config.value: Counter[str]() for config in PAIR_CONFIGS}
    for one in audit.labels:
        if one.label == label:
            found[one.config].update(one.counts)
    return found


def length_lines(audit: Audit) -> Iterator[dict[str, str]]:
    """The mean number of words of both sides; not for `strategy`, whose sides are names."""
    for one in audit.style:
        if one.strategy is None and one.feature == "words" and one.config != PAIR_CONFIGS[0]:
            yield {
                "config": one.config,
                "chosen": fixed(one.chosen, 1),
                "rejected": fixed(one.rejected, 1),
                "difference": format_ci(one.difference, 1),
            }


LEAST_LABELS = 20
"""Least number of labels for a figure on the card; with fewer, the card gives only their number. Our own choice."""

_DECIDED = {
    CrisisDecision.CRISIS: "a crisis",
    CrisisDecision.NO_CRISIS: "no crisis",
    CrisisDecision.UNSURE: "not sure",
}


def review_lines(review: Review | None) -> list[dict[str, Any]]:
    """The section of every reviewed config; a config without any label is left out."""
    sections = [] if review is None else [_review_section(config, one) for config, one in review.configs.items()]
    return [section for section in sections if section["pairs"]]


def crisis_lines(review: Review | None) -> list[str]:
    """Sentences on the decisions about dialogues that are held out; empty if there are none."""
    crisis = None if review is None else review.crisis
    return [] if crisis is None or not crisis.findings_read else list(_crisis_sentences(crisis))


def _crisis_sentences(review: CrisisReview) -> Iterator[str]:
    given = (f"{_DECIDED[decision]} {_counted(number, 'time')}" for decision, number in review.decisions.items())
    yield (
        f"{_counted(len(review.readers), 'person', 'people')} read {review.findings_read} of {review.findings} "
        f"findings, and so all findings of {review.dialogues_read} of {review.dialogues} dialogues: {', '.join(given)}."
    )
    if review.findings_unread:
        yield (
            f"{_counted(review.findings_unread, 'finding')} of these {'is' if review.findings_unread == 1 else 'are'} "
            "not a sign of a crisis, but an answer of a judge that could not be read."
        )
    if review.alpha.n >= LEAST_LABELS:
        yield f"Krippendorff's alpha among them is {_figure(review.alpha)}."
    elif review.alpha.n:
        yield f"Several people read {_counted(review.alpha.n, 'finding')}: too few to measure their agreement."
    yield "Their decisions released nothing from the holdout."


def _review_section(config: Config, review: ConfigReview) -> dict[str, Any]:
    labelled = sum(any(_is_filled(label) for label in pair.labels.values()) for pair in review.pairs)
    return {
        "config": config.value,
        "annotators": _counted(sum(one.cells > 0 for one in review.annotators.values()), "annotator"),
        "pairs": _counted(labelled, "pair") if labelled else "",
        "least": LEAST_LABELS,
        "preferences": review.preference.chosen.n,
        "chosen": _share(review.preference.chosen),
        "rejected": _share(review.preference.rejected),
        "tie": _share(review.preference.tie),
        "lines": list(_agreement_lines(review)),
    }


def _agreement_lines(review: ConfigReview) -> Iterator[dict[str, str]]:
    among, judge = review.among, review.judge
    yield _line("error or none", among.flagged, judge.flagged)
    yield _line("which error, or none", among.error, judge.error)
    for error, interval in among.by_error.items():
        yield _line(f"`{error}`, or not", interval, judge.by_error[error])
    yield _line("which reply is better", among.better, None)


def _line(what: str, among: Interval, judge: Interval | None) -> dict[str, str]:
    return {"what": what, "among": _figure(among), "judge": _figure(judge) if judge else ""}


def _figure(interval: Interval) -> str:
    if 0 < interval.n < LEAST_LABELS:
        return f"too few (n={interval.n})"
    if interval.value is None:
        return UNDEFINED
    span = "" if interval.low is None or interval.high is None else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.2f}{span}, n={interval.n}"


def _share(interval: Interval) -> str:
    if interval.value is None:
        return UNDEFINED
    if interval.low is None or interval.high is None:
        return f"{interval.value:.0%}"
    return f"{interval.value:.0%} [{interval.low:.0%}, {interval.high:.0%}]"


def _is_filled(label: Any) -> bool:
    return any(cell is not None for cell in label.model_dump().values())


def _counted(number: int, noun: str, several: str | None = None) -> str:
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"


_SIGNS = {StudyOutcome.YES: "✓ yes", StudyOutcome.NO: "✗ no", StudyOutcome.CANNOT_TELL: "? cannot tell"}
_GROUPS = {"release": "the release itself", "training": "what training on it shows"}


def validation_lines(validation: Validation | None) -> dict[str, Any]:
    """The section on the validation; empty if there was none."""
    if validation is None:
        return {}
    return {
        "scale": validation.scale.value,
        "on": f"{validation.release.turns} test turns of {validation.release.dialogues} dialogues",
        "models": ", ".join(
            f"{escape_code(one.recipe)} ({escape_markdown(one.base_model)}, {one.steps} steps)"
            for one in validation.models
        ),
        "groups": [
            {"title": title, "questions": [_question_line(one) for one in validation.questions if one.group == group]}
            for group, title in _GROUPS.items()
        ],
        "notes": [escape_sentence(note) for note in validation.notes],
    }


def _question_line(one: Answered) -> dict[str, str]:
    return {
        "asks": escape_sentence(one.asks),
        "verdict": _SIGNS[one.verdict],
        "figure": format_ci(one.figure),
        "why": escape_sentence(one.why),
    }
