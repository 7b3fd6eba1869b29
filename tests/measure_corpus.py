"""Measures the embedded models on real dialogues; run by hand: `python tests/measure_corpus.py [--write]`.

Reads `../shared/data`, prints every figure, and with `--write` puts the judge's agreement where the package reads it.
Nothing of the corpora's text is written anywhere.
"""

import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ipm_prefdial.builders.models.baseline import _rubric as rubric
from ipm_prefdial.builders.models.baseline import models
from ipm_prefdial.builders.models.baseline import models as agreement
from ipm_prefdial.builders.models.baseline._words import rarities
from ipm_prefdial.builders.models.baseline.models import (
    Agreement,
    BaselineModels,
    Kappa,
    PlannerScores,
    evaluate_planner,
    fit_baseline,
    supporter_samples,
)
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.error_type import ErrorType, parse_error_type
from ipm_prefdial.schemas.strategy import Strategy, parse_strategy
from ipm_prefdial.schemas.text import normalise_text

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
AGREEMENT = ROOT / "builders" / "inference" / "corpus" / agreement.FILE_NAME
JUDGED = (ErrorType.LACK_OF_EMPATHY, ErrorType.EARLY_EMOTION_SHIFT, ErrorType.TEMPLATE_RESPONSE)
FOLDS = 5
Key = tuple[Strategy | None, str]
_ALIKE = 3


def read_native(name: str) -> list[Dialogue]:
    """Dialogues in ESConv's own shape."""
    return [_dialogue(name, map(_native_turn, record["dialog"])) for record in _read(name)]


def read_chat(name: str) -> list[Dialogue]:
    """Dialogues as chat messages with `[Strategy] reply`; blank user turns are left out."""
    return [_dialogue(name, map(_chat_turn, record["messages"][1:])) for record in _read(name)]


def _read(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def _dialogue(name: str, turns: Iterable[Turn | None]) -> Dialogue:
    return Dialogue(source=name, license="unknown", turns=tuple(turn for turn in turns if turn))


def _native_turn(turn: dict[str, Any]) -> Turn | None:
    return _turn(turn["speaker"] in ("seeker", "speaker"), turn["content"], turn["annotation"].get("strategy", ""))


def _chat_turn(message: dict[str, str]) -> Turn | None:
    if message["role"] == "user":
        return _turn(True, message["content"], "")
    name, text = re.match(r"\[(.*?)\](.*)", message["content"], re.DOTALL).groups()  # type: ignore[union-attr]
    return _turn(False, text, name)


def _turn(is_seeker: bool, text: str, strategy: str) -> Turn | None:
    if not text.strip():
        return None
    if is_seeker:
        return Turn(speaker=Speaker.SEEKER, text=text)
    return Turn(speaker=Speaker.SUPPORTER, text=text, strategy=parse_strategy(strategy))


def without(dialogues: Iterable[Dialogue], others: Iterable[Dialogue], *, near: bool = False) -> list[Dialogue]:
    """The dialogues that none of `others` equals; with `near`, nor shares three long turns with."""
    others = list(others)
    ids, told = {other.dialogue_id for other in others}, [_long_turns(other) for other in others if near]
    kept = [dialogue for dialogue in dialogues if dialogue.dialogue_id not in ids]
    return [one for one in kept if all(len(_long_turns(one) & turns) < _ALIKE for turns in told)]


def _long_turns(dialogue: Dialogue) -> set[str]:
    return {normalise_text(turn.text) for turn in dialogue.turns if len(turn.text) > 40}


def all_dialogues() -> list[Dialogue]:
    """Every dialogue of the three corpora, each once."""
    found = [*read_native("ESConv_part.json"), *read_native("FailedESConv.json"), *read_chat("ESC_sft_val.json")]
    return list({dialogue.dialogue_id: dialogue for dialogue in found}.values())


def held_out_scores(*, near: bool = False) -> PlannerScores:
    """The planner fitted on ESConv_part and tested on the 130 dialogues of ESC_sft_val."""
    test = read_chat("ESC_sft_val.json")
    return evaluate_planner(fit_baseline(without(read_native("ESConv_part.json"), test, near=near)), test)


def folds(dialogues: Sequence[Dialogue]) -> Iterator[tuple[BaselineModels, list[Dialogue]]]:
    """Models with the dialogues that they were not fitted on, nor on any near one."""
    for fold in range(FOLDS):
        test = [one for one in dialogues if int(one.dialogue_id, 16) % FOLDS == fold]
        yield fit_baseline(without(dialogues, test, near=True)), test


def measure_agreement() -> Agreement:
    """The embedded judge on FailedESConv beside the published verdicts."""
    failed, rows = read_native("FailedESConv.json"), _read("Statistic_FailedESCon.json")
    known = without(read_native("ESConv_part.json"), failed, near=True)
    rarity = rarities([turn.text for turn in one.turns] for one in known)
    turns = [(one, index) for one in failed for index, turn in enumerate(one.turns) if turn.strategy is not None]
    places = align([_row_key(row) for row in rows], [_turn_key(*turn) for turn in turns], [id(one) for one, _ in turns])
    ours, theirs = [], []
    for row, place in zip(rows, places, strict=True):
        if place is None or not _answers_seeker(*turns[place]):
            continue
        dialogue, index = turns[place]
        ours.append(rubric.judge(dialogue.turns[:index], dialogue.turns[index].text, rarity).error)
        theirs.append(_published(row))
    return Agreement(
        measured_on="FailedESConv.json, supporter turns that answer a seeker",
        published_judge="gpt-4.1-mini, Statistic_FailedESCon.json",
        fitted_on="ESConv_part.json without the dialogues that equal or nearly equal one of FailedESConv.json",
        algorithm=models.ALGORITHM,
        rows=len(rows),
        aligned=sum(place is not None for place in places),
        n=len(ours),
        flagged=_kappa([one is not None for one in ours], [one is not None for one in theirs]),
        errors={error: _kappa([one is error for one in ours], [one is error for one in theirs]) for error in JUDGED},
    )


def align(rows: Sequence[Key], turns: Sequence[Key], dialogues: Sequence[int]) -> list[int | None]:
    """The place among `turns` of each row: where its words stand once, there; else beside its neighbours' dialogue.

    The published rows follow a dialogue's order, but dialogues stand in the order in which their answers came.
    """
    found: dict[Key, list[int]] = defaultdict(list)
    for place, key in enumerate(turns):
        found[key].append(place)
    places = [found[key][0] if len(found[key]) == 1 else None for key in rows]
    for number, key in enumerate(rows):
        if places[number] is not None:
            continue
        before = places[number - 1] if number else None
        after = next((place for place in places[number + 1 :] if place is not None), None)
        free = [place for place in found[key] if place not in places]
        follows = [one for one in free if before is not None and one > before and dialogues[one] == dialogues[before]]
        leads = [one for one in free if after is not None and one < after and dialogues[one] == dialogues[after]]
        places[number] = min(follows, default=None) if follows else max(leads, default=None)
    return places


def _row_key(row: dict[str, str]) -> Key:
    return parse_strategy(row["strategy"]), normalise_text(row["response"])


def _turn_key(dialogue: Dialogue, index: int) -> Key:
    return dialogue.turns[index].strategy, normalise_text(dialogue.turns[index].text)


def _answers_seeker(dialogue: Dialogue, index: int) -> bool:
    return any(turn.speaker is Speaker.SEEKER for turn in dialogue.turns[:index])


def _published(row: dict[str, str]) -> ErrorType | str | None:
    """The error that a published row names; `"other"` for a flag without a known error."""
    if row["Contains Empathy Error"] == "No":
        return None
    return parse_error_type(row["Error Type"]) or "other"


def _kappa(ours: list[bool], theirs: list[bool]) -> Kappa:
    from sklearn.metrics import cohen_kappa_score

    return Kappa(kappa=round(float(cohen_kappa_score(ours, theirs)), 4), corpus=sum(ours), published=sum(theirs))


class Rates:
    """What the judge says of human and retrieved replies, by strategy."""

    def __init__(self) -> None:
        self.human: dict[Strategy | None, Counter[ErrorType | None]] = defaultdict(Counter)
        self.retrieved: dict[Strategy | None, Counter[ErrorType | None]] = defaultdict(Counter)
        self.pairs: Counter[Strategy | None] = Counter()

    def add(self, fitted: BaselineModels, dialogues: Iterable[Dialogue]) -> None:
        """Judges every supporter turn of `dialogues` and a retrieved reply in its place."""
        for dialogue in dialogues:
            for index, turn in enumerate(dialogue.turns):
                if turn.strategy is None or not _answers_seeker(dialogue, index):
                    continue
                history = dialogue.turns[:index]
                other = fitted.responder.reply(history, turn.strategy, 0, np.random.default_rng(index))
                errors = [rubric.judge(history, text, fitted.rarity).error for text in (turn.text, other)]
                for strategy in (turn.strategy, None):
                    self.human[strategy][errors[0]] += 1
                    self.retrieved[strategy][errors[1]] += 1
                    self.pairs[strategy] += errors[0] is None and errors[1] is not None

    def lines(self) -> Iterator[str]:
        """A line a strategy, and one for all."""
        for strategy in (*Strategy, None):
            n = self.human[strategy].total()
            human, retrieved = (
                " ".join(f"{count[error] / n:.3f}" for error in (None, *JUDGED))
                for count in (self.human[strategy], self.retrieved[strategy])
            )
            pairs = f"{self.pairs[strategy] / n:.3f}"
            yield f"{strategy or 'all':28} n={n:5} human {human} | retrieved {retrieved} | pairs {pairs}"


def _timed(name: str, call: Callable[[], Any], times: int) -> None:
    start = time.perf_counter()
    call()
    print(f"{name}: {(time.perf_counter() - start) / times * 1000:.3f} ms")


def measure_speed(dialogues: Sequence[Dialogue]) -> None:
    """Prints the time to fit and the time per call."""
    start = time.perf_counter()
    fitted = fit_baseline(dialogues)
    print(f"fit on {len(dialogues)} dialogues: {time.perf_counter() - start:.1f} s")
    samples, rng = supporter_samples(dialogues)[:2000], np.random.default_rng(0)
    planner, responder = fitted.planner, fitted.responder
    _timed("planner", lambda: [planner.proba(one.history) for one in samples], len(samples))
    _timed("responder", lambda: [responder.reply(one.history, one.strategy, 0, rng) for one in samples], len(samples))
    replies = [(one.history, responder.reply(one.history, one.strategy, 0, rng)) for one in samples]
    _timed("judge", lambda: [rubric.judge(*one, fitted.rarity) for one in replies], len(samples))


def main() -> None:
    """Prints everything; with `--write`, puts the agreement in its file."""
    print("held out:", held_out_scores())
    print("held out, without near duplicates:", held_out_scores(near=True))
    dialogues, rates = all_dialogues(), Rates()
    for fitted, test in folds(dialogues):
        print("fold:", evaluate_planner(fitted, test))
        rates.add(fitted, test)
    print("shares of none, lack_of_empathy, early_emotion_shift, template_response; none of it on fitted dialogues")
    print(*rates.lines(), sep="\n")
    measure_speed(dialogues)
    measured = measure_agreement()
    print(measured.model_dump_json(indent=2))
    if "--write" in sys.argv[1:]:
        AGREEMENT.write_text(measured.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
