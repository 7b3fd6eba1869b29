"""How often the gates on telling sides apart pass what they should not; run by hand: `python tests/measure_gates.py`.

Pairs are drawn from pools whose true AUC is known: that of a model fitted on the whole pool. The limit is put just
below it, so that every pass is a false one; five in a hundred at most may be. Pools are real replies (`../shared/data`,
left out where it is absent) and texts of a made-up vocabulary with a planted difference: a few words that give the
rejected side away, sixty rare ones of which one stands in every second rejected side (the hardest effect that we
found: a model of few pairs has seen few of them), or a leaning of the whole vocabulary.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipm_prefdial.builders.auditing._separability import Features, SidesOfPairs, measure_separability
from ipm_prefdial.builders.statistics.bounds import auc_bounds

DATA = Path(__file__).parents[2] / "shared" / "data"
SIZES = (25, 29, 56, 108, 213, 400, 800)
LARGE = (108, 213, 400, 800, 1_600)
_A_DIALOGUE = 4
"""Pairs of a dialogue, at most, in a sample."""
_WORDS = 4_000
_MARGIN = 0.003

Pair = tuple[int, str, str]
"""Dialogue, chosen side, rejected side."""


@dataclass(frozen=True)
class Rate:
    """What came of the samples of one size."""

    pairs: int
    passes: float
    """Share that the gate passes."""
    by_value: float
    """Share whose AUC is within the limit: what passed before gates decided by bounds."""
    mean: float
    """Mean AUC of the samples."""


def plain_texts(number: int, dice: np.random.Generator) -> list[list[str]]:
    """Texts of 6 to 30 words whose frequencies fall as those of English do."""
    weights = 1 / (np.arange(_WORDS) + 2.7)
    lengths = dice.integers(6, 31, number)
    words = dice.choice(_WORDS, lengths.sum(), p=weights / weights.sum())
    return [[f"w{word}" for word in part] for part in np.split(words, np.cumsum(lengths)[:-1])]


def alike(number: int, seed: int = 1) -> list[Pair]:
    """Pairs whose sides are drawn alike."""
    texts = [" ".join(text) for text in plain_texts(2 * number, np.random.default_rng(seed))]
    return [(at // _A_DIALOGUE, texts[at], texts[number + at]) for at in range(number)]


def with_words(number: int, words: int, share: float, seed: int = 1) -> list[Pair]:
    """The same with one of some words in a share of the rejected sides."""
    dice = np.random.default_rng(seed + 1)
    has, which = dice.random(number) < share, dice.integers(0, words, number)
    return [
        (dialogue, chosen, f"{rejected} z{which[at]}" if has[at] else rejected)
        for at, (dialogue, chosen, rejected) in enumerate(alike(number, seed))
    ]


def leaning(number: int, strength: float, seed: int = 1) -> list[Pair]:
    """Pairs in which every word speaks a little for one side."""
    dice = np.random.default_rng(seed)
    leans = dice.normal(size=_WORDS)
    texts = plain_texts(6 * number, dice)
    scores = np.array([sum(leans[int(word[1:])] for word in text) / len(text) ** 0.5 for text in texts])
    chance = 1 / (1 + np.exp(-strength * scores))
    taken = dice.random(len(texts)) < np.where(np.arange(len(texts)) % 2 == 0, chance, 1 - chance)
    sides = [[" ".join(text) for at, text in enumerate(texts) if taken[at] and at % 2 == side] for side in (0, 1)]
    both = list(zip(*sides, strict=False))[:number]
    return [(at // _A_DIALOGUE, chosen, rejected) for at, (chosen, rejected) in enumerate(both)]


def real() -> list[Pair]:
    """Replies of supporters against those of supporters whose support failed, by the former's dialogue."""
    dice = np.random.default_rng(1)
    good, failed = (_replies(DATA / name) for name in ("ESConv_part.json", "FailedESConv.json"))
    dice.shuffle(good)
    dice.shuffle(failed)
    return [(dialogue, text, other) for (dialogue, text), (_, other) in zip(good, failed, strict=False)]


def real_alike() -> list[Pair]:
    """Replies of the same supporters on either side."""
    texts = _replies(DATA / "ESConv_part.json")
    np.random.default_rng(1).shuffle(texts)
    half = len(texts) // 2
    return [(dialogue, text, other) for (dialogue, text), (_, other) in zip(texts[:half], texts[half:], strict=False)]


def _replies(path: Path) -> list[tuple[int, str]]:
    return [
        (number, turn["content"].strip())
        for number, dialogue in enumerate(json.loads(path.read_text(encoding="utf-8")))
        for turn in dialogue["dialog"]
        if turn["speaker"] in ("supporter", "listener") and len(turn["content"].split()) > 2
    ]


def measure(pairs: Sequence[Pair], features: Features) -> tuple[float, float]:
    """The AUC and the upper bound that the gate goes by."""
    texts = [pair[1] for pair in pairs] + [pair[2] for pair in pairs]
    dialogues = np.array([pair[0] for pair in pairs], dtype=np.uint64)
    lengths = np.array([(len(text), len(text.split())) for text in texts], dtype=float)
    told = measure_separability(SidesOfPairs(dialogues, np.array(texts, dtype=object), lengths), features, words=0)
    if told.auc.value is None or told.error is None or told.dimension is None:
        return 0.5, 1.0
    bounds = auc_bounds(told.auc.value, told.error, len(np.unique(dialogues)), len(pairs), told.dimension)
    return told.auc.value, bounds.high or 1.0


def rates(
    pool: Sequence[Pair], limit: float, sizes: Sequence[int], times: int, features: Features = "words"
) -> list[Rate]:
    """How many samples of whole dialogues pass a limit, by size."""
    dice = np.random.default_rng(7)
    found = []
    for size in sizes:
        results = [measure(_sample(pool, size, dice), features) for _ in range(times)]
        values, highs = np.array(results).T
        found.append(Rate(size, float((highs <= limit).mean()), float((values <= limit).mean()), float(values.mean())))
    return found


def _sample(pool: Sequence[Pair], size: int, dice: np.random.Generator) -> list[Pair]:
    by_dialogue = defaultdict(list)
    for pair in pool:
        by_dialogue[pair[0]].append(pair)
    taken: list[Pair] = []
    for dialogue in dice.permutation(list(by_dialogue)):
        taken += by_dialogue[dialogue][:_A_DIALOGUE]
        if len(taken) >= size:
            break
    return taken[:size]


def main(times: int) -> None:
    """Prints the tables as the README has them."""
    pools: dict[str, Callable[[], list[Pair]]] = {
        "a few words": lambda: with_words(3_000, 4, 0.3),
        "sixty rare words": lambda: with_words(3_000, 60, 0.5),
        "the whole vocabulary leans": lambda: leaning(3_000, 0.9),
        **({"real replies": real} if DATA.is_dir() else {}),
    }
    print("| pool (true AUC) | limit |", " | ".join(map(str, SIZES)), "|")
    print("|---|--:|" + "--:|" * len(SIZES))
    for name, make in pools.items():
        pool = make()
        auc, _ = measure(pool, "words")
        _print(f"{name} ({auc:.3f})", auc - _MARGIN, rates(pool, auc - _MARGIN, SIZES, times))
    # A pool with an AUC of about 0.70 against the limit of 2.0.0: how far small samples passed before.
    pool = leaning(3_000, 1.5)
    _print(f"leans more ({measure(pool, 'words')[0]:.3f})", 0.62, rates(pool, 0.62, SIZES, times))
    pool = real_alike() if DATA.is_dir() else alike(3_000)
    print("\n| sides drawn alike: right to pass | limit |", " | ".join(map(str, LARGE)), "|")
    right: tuple[tuple[Features, float], ...] = (
        ("words", 0.62),
        ("words", 0.67),
        ("length", 0.56),
        ("first_word", 0.57),
    )
    for features, limit in right:
        _print(features, limit, rates(pool, limit, LARGE, times // 2, features))


def _print(name: str, limit: float, found: Sequence[Rate]) -> None:
    cells = " | ".join(f"{one.passes:.0%} ({one.by_value:.0%})" for one in found)
    print(f"| {name} | {limit:.3f} | {cells} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
