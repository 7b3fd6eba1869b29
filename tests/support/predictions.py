"""Invented predictions and prediction files, for tests of evaluations."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipm_prefdial.recipes.evaluate.predictions import Prediction, System
from ipm_prefdial.schemas.strategy import Strategy

EVERY = list(Strategy)


def prediction(
    turn: int = 0,
    *,
    system: str = "mine",
    dialogue: str = "d0",
    gold: Strategy = Strategy.QUESTION,
    gold_reply: str | None = "How was the hail?",
    named: Strategy | None = Strategy.QUESTION,
    raw: str | None = None,
    reply: str | None = "Was there hail?",
) -> Prediction:
    """One prediction; what was named is said as its name where `raw` is not given."""
    return Prediction(
        system=system,
        dialogue_id=dialogue,
        turn=turn,
        gold_strategy=gold,
        gold_reply=gold_reply,
        strategy_raw=raw if raw is not None or named is None else named.value,
        strategy=named,
        reply=reply,
    )


def system(name: str, predictions: Sequence[Prediction], kind: Any = "system") -> System:
    """A system that said these."""
    renamed = tuple(one.model_copy(update={"system": name}) for one in predictions)
    return System(name, kind, f"what {name} said", renamed)


def many(name: str, *, turns: int = 48, right: int = 2, word: str = "hail") -> System:
    """A system that names the human's strategy at every `right`-th turn of six dialogues, and another one elsewhere."""
    said = [
        prediction(
            at,
            dialogue=f"d{at % 6}",
            gold=EVERY[at % 8],
            gold_reply=f"How was the {word} on day {at}, and what then?",
            named=EVERY[at % 8] if at % right == 0 else EVERY[(at + 1 + at % 5) % 8],
            reply=f"On day {at}: was the {word} heavy?",
        )
        for at in range(turns)
    ]
    return system(name, said)


def their_rows(number: int = 6, *, conversations: bool = True) -> list[dict[str, Any]]:
    """Rows as DecoupledESC's inference writes them: two dialogues of invented words, taking turns to name wrongly."""
    rows: list[dict[str, Any]] = []
    for dialogue in range(2):
        said: list[dict[str, str]] = []
        for at in range(number // 2):
            said = [*said, {"role": "user", "content": f"The kiln {dialogue} broke {at}."}]
            gold = EVERY[(dialogue + at) % 8].value
            row: dict[str, Any] = {
                "GT_strategy": gold,
                "predict_strategy": gold if at % 2 else EVERY[(at + 3) % 8].value,
                "GT_content": f"When did kiln {dialogue} break, {at}?",
                "predict_content": f"Which kiln, {dialogue}?",
            }
            rows.append(row | ({"conversations": said} if conversations else {}))
            said = [*said, {"role": "assistant", "content": row["GT_content"]}]
    return rows


def written(path: Path, rows: Sequence[Any], *, lines: bool = True) -> Path:
    """`path`, after the rows were written there as JSON Lines, or as a JSON list."""
    text = "".join(json.dumps(row) + "\n" for row in rows) if lines else json.dumps(list(rows), indent=2)
    path.write_text(text, encoding="utf-8")
    return path
