"""Measures the crisis and privacy rules; run by hand: `python tests/measure_safety.py [--write]`.

`safety/crisis_sentences.jsonl` holds invented sentences in four batches, every one in a half that a hash of its id
decides. The rules were tuned on `develop` and on real turns (`../shared/data`). One author wrote sentences and rules:
batch 1 before the rules, the others each after the rules were frozen, to see what they find that nobody had foreseen.
What they found at first contact, before any tuning on a batch: 31 of 87 (batch 2), 22 of 60 (3), 22 of 60 (4); of
batch 4: explicit 10 of 15, third party 10 of 15, coded 2 of 15, indirect 0 of 15. So `hold` as a whole flatters the
rules, and its part of the last batch, `unseen`, is the honest figure.

`safety/personal_data.jsonl` holds invented sentences with and without personal data, in two batches and the same
halves. Batch 1 was written before rules 2, batch 2 after they first stood; then rules 2 were tuned on `develop` of
both. One author wrote both, who knew both halves: so what batch 2 showed at first contact is the honest figure. Of
fixed shapes 65 of 86 were found (0.76, 95 % interval 0.66 to 0.83), and 67 of 70 finds were right; of names 7 of 10.

With `--write` the figures go where the package reads them. No text of the corpora is written anywhere;
`safety/judged_turns.json` holds digests of the turns that were found and read, with what the reader judged.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from measure_corpus import DATA, all_dialogues
from support.personal_data import measure_finds, read_personal_data

from ipm_prefdial.builders.safety import crisis as recall
from ipm_prefdial.builders.safety.crisis import RealTurns, Recall, RecallPart, RecallShare, find_crisis
from ipm_prefdial.builders.safety.personal_data import RULES
from ipm_prefdial.schemas.dialogue import Speaker
from ipm_prefdial.schemas.safety import CrisisCategory, CrisisFinding, CrisisForm

HERE = Path(__file__).parent
SENTENCES = HERE / "safety" / "crisis_sentences.jsonl"
JUDGED = HERE / "safety" / "judged_turns.json"
OUTPUT = HERE.parent / "builders" / "safety" / recall.FILE_NAME
LAST_BATCH = 4
Row = dict[str, Any]
Result = tuple[Row, CrisisFinding | None]


def read_sentences() -> list[Row]:
    """The written sentences: id, text, form and category (or null), batch; what was said before, where it matters."""
    return [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]


def half_of(row: Row) -> str:
    """`develop` or `hold`, by a hash of the id."""
    return "hold" if hashlib.sha256(row["id"].encode()).digest()[0] % 2 else "develop"


def wilson(hits: int, n: int) -> RecallShare:
    """A share with its 95 % Wilson interval."""
    if not n:
        return RecallShare(hits=0, n=0, share=0, low=0, high=1)
    z, share = 1.96, hits / n
    middle, spread = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    low, high = ((middle + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    rounded = [round(value, 4) for value in (share, max(0.0, low), min(1.0, high))]
    return RecallShare(hits=hits, n=n, share=rounded[0], low=rounded[1], high=rounded[2])


def measure_part(rows: Sequence[Row]) -> RecallPart:
    """The figures of some sentences."""
    results: list[Result] = [(row, find_crisis(row["text"], row.get("previous", ()))) for row in rows]
    crises = [(row, found) for row, found in results if row["form"] is not None]
    misses = [found for row, found in results if row["form"] is None]
    hits = [(row, found) for row, found in crises if found is not None]
    false = sum(found is not None for found in misses)
    return RecallPart(
        recall=wilson(len(hits), len(crises)),
        precision=wilson(len(hits), len(hits) + false),
        false_positives=wilson(false, len(misses)),
        recall_by_form={form: _recall_of(crises, "form", form) for form in CrisisForm},
        recall_by_category={category: _recall_of(crises, "category", category) for category in CrisisCategory},
        right_form=wilson(sum(found.form == row["form"] for row, found in hits), len(hits)),
        right_category=wilson(sum(found.category == row["category"] for row, found in hits), len(hits)),
    )


def _recall_of(crises: Sequence[Result], field: str, value: str) -> RecallShare:
    found = [result is not None for row, result in crises if row[field] == value]
    return wilson(sum(found), len(found))


def seeker_turns() -> Iterator[tuple[str, list[str]]]:
    """Every distinct seeker turn of the real corpora, with what was said before it."""
    seen = set()
    for dialogue in all_dialogues():
        texts = [turn.text for turn in dialogue.turns]
        for index, turn in enumerate(dialogue.turns):
            if turn.speaker is Speaker.SEEKER and turn.text not in seen:
                seen.add(turn.text)
                yield turn.text, texts[:index]


def digest(text: str) -> str:
    """What stands for a turn among the judged ones."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def measure_real() -> RealTurns | None:
    """The figures of the real turns; None where the corpora are absent."""
    if not DATA.is_dir():
        return None
    turns = list(seeker_turns())
    found = [digest(text) for text, before in turns if find_crisis(text, before)]
    judged: dict[str, bool] = json.loads(JUDGED.read_text(encoding="utf-8"))
    false = sum(judged.get(one) is False for one in found)
    return RealTurns(
        turns=len(turns),
        found=len(found),
        found_per_1000=round(1000 * len(found) / len(turns), 2),
        judged_no_crisis=false,
        false_per_1000=round(1000 * false / len(turns), 2),
        unjudged=sum(one not in judged for one in found),
    )


def measure_sentences() -> dict[str, Any]:
    """The figures of the written sentences, by the name of their field in `Recall`."""
    rows = read_sentences()
    hold = [row for row in rows if half_of(row) == "hold"]
    return {
        "sentences": len(rows),
        "develop": measure_part([row for row in rows if half_of(row) == "develop"]),
        "hold": measure_part(hold),
        "unseen": measure_part([row for row in hold if row["batch"] == LAST_BATCH]),
    }


def pii_rates(rules: int) -> dict[str, float]:
    """Turns of both sides in which each kind is found by these rules, in 1,000."""
    texts = {turn.text for dialogue in all_dialogues() for turn in dialogue.turns}
    counts = Counter(kind for text in texts for kind in {span.kind.value for span in RULES[rules].find(text)})
    return {kind: round(1000 * count / len(texts), 2) for kind, count in counts.items()}


def print_personal_data() -> None:
    """Recall and precision of all rules for personal data, by batch and half, fixed shapes and names apart."""
    rows = read_personal_data()
    for number, rules in RULES.items():
        for batch, half in product((1, 2), ("develop", "hold")):
            part = [row for row in rows if row["batch"] == batch and half_of(row) == half]
            for names in (False, True):
                found = measure_finds(part, rules.find, names=names)
                what = f"rules {number}, batch {batch}, {half}, {'names' if names else 'fixed shapes'}"
                print(f"{what}: recall {found.hits} of {found.spans}, precision {found.right} of {found.finds}")
    if DATA.is_dir():
        for number in RULES:
            print(f"turns with personal data by rules {number}, in 1,000:", pii_rates(number))


def main() -> None:
    """Prints everything; with `--write`, puts the figures of the crisis rules in their file."""
    measured = Recall(**measure_sentences(), real=measure_real())
    print(measured.model_dump_json(indent=2))
    print_personal_data()
    if "--write" in sys.argv[1:]:
        OUTPUT.write_text(measured.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
