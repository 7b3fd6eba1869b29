"""What people said of a release, as the card shows it: every claim with its n, and none on a handful of labels."""

from collections.abc import Iterator
from typing import Any

from ..schemas.config import Config
from ..schemas.measures import Interval
from ..schemas.review import ConfigReview, CrisisDecision, CrisisReview, Review

LEAST_LABELS = 20
"""Labels from which the card shows a figure; below it says how many there are and nothing more (our own bound)."""

_UNDEFINED = "–"
_DECIDED = {
    CrisisDecision.CRISIS: "a crisis",
    CrisisDecision.NO_CRISIS: "no crisis",
    CrisisDecision.UNSURE: "not sure",
}


def review_lines(review: Review | None) -> list[dict[str, Any]]:
    """Per reviewed config what its section says; a config without a single label is not reviewed."""
    sections = [] if review is None else [_section(config, one) for config, one in review.configs.items()]
    return [section for section in sections if section["pairs"]]


def crisis_lines(review: Review | None) -> list[str]:
    """Sentences on what people decided about dialogues that are held out; empty where no decision was made."""
    crisis = None if review is None else review.crisis
    return [] if crisis is None or not crisis.findings_read else list(_crisis(crisis))


def _crisis(review: CrisisReview) -> Iterator[str]:
    said = (f"{_DECIDED[decision]} {_counted(number, 'time')}" for decision, number in review.decisions.items())
    yield (
        f"{_counted(len(review.readers), 'person', 'people')} read {review.findings_read} of {review.findings} "
        f"findings, and thereby {review.dialogues_read} of {review.dialogues} dialogues whole: {', '.join(said)}."
    )
    if review.findings_unread:
        yield (
            f"{_counted(review.findings_unread, 'finding')} of these {'is' if review.findings_unread == 1 else 'are'} "
            "no sign of a crisis, but an answer of a judge that could not be read."
        )
    if review.alpha.n >= LEAST_LABELS:
        yield f"Krippendorff's alpha among them is {_told(review.alpha)}."
    elif review.alpha.n:
        yield f"Several people read {_counted(review.alpha.n, 'finding')}: too few to say how far they agree."
    yield "Nothing was released from the holdout by it."


def _section(config: Config, review: ConfigReview) -> dict[str, Any]:
    labelled = sum(any(_has_words(label) for label in pair.labels.values()) for pair in review.pairs)
    return {
        "config": config.value,
        "annotators": _counted(sum(one.cells > 0 for one in review.annotators.values()), "annotator"),
        "pairs": _counted(labelled, "pair") if labelled else "",
        "least": LEAST_LABELS,
        "preferences": review.preference.chosen.n,
        "chosen": _share(review.preference.chosen),
        "rejected": _share(review.preference.rejected),
        "tie": _share(review.preference.tie),
        "lines": list(_lines(review)),
    }


def _lines(review: ConfigReview) -> Iterator[dict[str, str]]:
    among, judge = review.among, review.judge
    yield _line("error or none", among.flagged, judge.flagged)
    yield _line("which error, or none", among.error, judge.error)
    for error, interval in among.by_error.items():
        yield _line(f"`{error}`, or not", interval, judge.by_error[error])
    yield _line("which reply is better", among.better, None)


def _line(what: str, among: Interval, judge: Interval | None) -> dict[str, str]:
    return {"what": what, "among": _told(among), "judge": _told(judge) if judge else ""}


def _told(interval: Interval) -> str:
    if 0 < interval.n < LEAST_LABELS:
        return f"too few (n={interval.n})"
    if interval.value is None:
        return _UNDEFINED
    span = "" if interval.low is None or interval.high is None else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.2f}{span}, n={interval.n}"


def _share(interval: Interval) -> str:
    if interval.value is None:
        return _UNDEFINED
    if interval.low is None or interval.high is None:
        return f"{interval.value:.0%}"
    return f"{interval.value:.0%} [{interval.low:.0%}, {interval.high:.0%}]"


def _has_words(label: Any) -> bool:
    return any(cell is not None for cell in label.model_dump().values())


def _counted(number: int, noun: str, several: str | None = None) -> str:
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"
