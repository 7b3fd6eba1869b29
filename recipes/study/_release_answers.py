"""The answers to the questions about the release itself, from its tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...builders.statistics.bootstrap import SEED, interval, ratio, weighted_auc, weights_of
from ...schemas.audit import Audit
from ...schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ...schemas.measures import Interval
from ...schemas.study import Answered
from ...schemas.text import normalise_text
from ..data.release import PinnedRelease, open_release
from ..evaluate.predictions import Prediction
from ..metrics.measured import mean_of
from ..metrics.sample import REPLICATES, codes_of
from ._verdicts import answer, exactly, nothing
from .questions import ANCHORED, LEAKAGE, SIDES, SIDES_BY_WORDS, STRATEGIES, TELLABLE, Name, enough_rows, found

# The configs that a validation reads.
_NEEDED = (Config.DIALOGUES, *SFT_CONFIGS, *PAIR_CONFIGS, Config.DROPPED)

Place = tuple[str, int]
"""A dialogue and the index of a turn in it."""

_AT_ONCE = 1_000


def open_whole(place: str, revision: str | None) -> PinnedRelease:
    """The release in a folder or repo, with every config and split that a validation needs.

    Raises:
        UsageError: there is no such release, or a repo comes without a tag.
        DataError: a config is missing, was changed, or has no rows in a split.
        EndpointError: the Hub cannot be reached.
    """
    release = [open_release(place, revision, config) for config in _NEEDED][-1]
    for config in _NEEDED[1:-1]:
        for split in (Split.TRAIN, Split.TEST):
            if not _count(release, config, split):
                raise DataError(f"{release.name}: config {config} has no rows in split {split}, which is needed here")
    return release


def _count(release: PinnedRelease, config: Config, split: Split) -> int:
    paths = release.tables(config, split)
    return sum(release.manifest.files[path.relative_to(release.root).as_posix()].rows or 0 for path in paths)


def rows_of(
    release: PinnedRelease, config: Config, columns: Sequence[str], splits: Sequence[Split] = tuple(Split)
) -> Iterator[dict[str, Any]]:
    """The rows of a config, in order, with only these columns and `split`; missing columns are left out.

    Raises:
        DataError: a table cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in splits:
        for path in release.tables(config, split):
            try:
                file = pq.ParquetFile(path)
                there = [name for name in columns if name in file.schema_arrow.names]
                for batch in file.iter_batches(_AT_ONCE, columns=there):
                    yield from ({**row, "split": split} for row in batch.to_pylist())
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"{release.name}: {path.name} of `{config}` cannot be read: {error}") from error


def answer_of(messages: Sequence[dict[str, str]]) -> str:
    """The text of a side or a demonstration, which has one message."""
    return " ".join(message["content"] for message in messages)


# Whether held-out dialogues are kept out of training: by their ids, and by their words with the audit's finder.


def leaked(release: PinnedRelease, audit: Audit) -> Interval:
    """The number of dialogues, or groups of near-duplicates, in more than one split; `n` counts the dialogues.

    It finds two kinds of leak: rows in another split than their dialogue's, which reveals copied rows whatever their
    words; and dialogues with nearly the same words (MinHash, as for the splits) in two splits, which reveals copies
    under another id.
    """
    home = dict[str, set[Split]]()
    for row in rows_of(release, Config.DIALOGUES, ("dialogue_id",)):
        home.setdefault(row["dialogue_id"], set()).add(row["split"])
    strays = {name for name, splits in home.items() if len(splits) > 1}
    for name, splits in _splits_of_rows(release).items():
        if not splits <= home.get(name, set()):
            strays.add(name)
    near = audit.near_duplicates
    if near is None or near.unit != "dialogue":
        return nothing()
    return exactly(float(max(len(strays), near.across_splits)), len(home))


# The splits of the rows of each dialogue.
def _splits_of_rows(release: PinnedRelease) -> dict[str, set[Split]]:
    found: dict[str, set[Split]] = defaultdict(set)
    for config in (*SFT_CONFIGS, *PAIR_CONFIGS):
        for row in rows_of(release, config, ("dialogue_id",)):
            found[row["dialogue_id"]].add(row["split"])
    return found


# Which side of a pair is the human's: the check with the most power, since no model has to learn anything.
#
# `dialogues` contains the human's words and strategy at every turn. In a sound release they are the chosen side, so
# each swapped pair is found, at any scale. A pair whose chosen side was rewritten, or that belongs to no human turn,
# has no such anchor.


@dataclass(frozen=True)
class Human:
    """The human's strategy and words at a turn."""

    strategy: str
    text: str

    @property
    def joint(self) -> str:
        """Both in the form of the joint config."""
        return f"[{self.strategy}] {self.text}"


# The human side of each config.
_DID: Mapping[Config, Callable[[Human], str]] = {
    Config.STRATEGY: lambda human: human.strategy,
    Config.RESPONSE: lambda human: human.text,
    Config.JOINT: lambda human: human.joint,
}


@dataclass(frozen=True)
class SideFigures:
    """The figures of one config."""

    config: Config
    pairs: int
    swapped: Interval
    """The share of pairs whose rejected side is the human's; `n` counts the pairs with a human side."""


# The human turns by dialogue and index; withheld dialogues have none.
def _human_turns(release: PinnedRelease) -> dict[Place, Human]:
    return {
        (row["dialogue_id"], index): Human(turn["strategy"], turn["text"])
        for row in rows_of(release, Config.DIALOGUES, ("dialogue_id", "turns"))
        for index, turn in enumerate(row["turns"] or ())
        if turn["strategy"] is not None
    }


def _look_at_sides(release: PinnedRelease, human: Mapping[Place, Human]) -> tuple[SideFigures, ...]:
    return tuple(_look(release, config, human) for config in PAIR_CONFIGS)


def _look(release: PinnedRelease, config: Config, human: Mapping[Place, Human]) -> SideFigures:
    pairs, anchored = 0, list[tuple[str, bool]]()
    for row in rows_of(release, config, ("dialogue_id", "turn", "chosen", "rejected")):
        pairs += 1
        swapped = _is_swapped(row, config, human)
        if swapped is not None:
            anchored.append((row["dialogue_id"], swapped))
    if not anchored:
        return SideFigures(config, pairs, nothing())
    weights = weights_of(codes_of(name for name, _ in anchored), REPLICATES)
    return SideFigures(config, pairs, mean_of(np.array([swapped for _, swapped in anchored]), weights).interval)


# Whether the rejected side, and not the chosen one, is the human's; None if neither or both are.
def _is_swapped(row: dict[str, Any], config: Config, human: Mapping[Place, Human]) -> bool | None:
    did = human.get((row["dialogue_id"], row["turn"]))
    if did is None:
        return None
    due = normalise_text(_DID[config](did))
    chosen, rejected = (normalise_text(answer_of(row[side])) == due for side in ("chosen", "rejected"))
    return None if chosen == rejected else rejected


def worst(found: tuple[SideFigures, ...]) -> Interval:
    """The largest share of swapped pairs of any config; no value if no pair has an anchor."""
    return max((one.swapped for one in found if one.swapped.value is not None), key=_value, default=nothing())


def _value(figure: Interval) -> float:
    return figure.value if figure.value is not None else float("-inf")


# The smallest share of pairs with a human side, over the configs.
def _anchored_share(found: tuple[SideFigures, ...]) -> float:
    return min((one.swapped.n / one.pairs for one in found if one.pairs), default=0.0)


def describe_sides(found: tuple[SideFigures, ...]) -> Iterator[str]:
    for one in found:
        value = "–" if one.swapped.value is None else f"{one.swapped.value:.3f}"
        yield f"{one.config}: {value} of {one.swapped.n} pairs with a human side swapped, of {one.pairs} pairs"


# Estimates swapped sides with a model that never sees which side is called chosen (our own design).
#
# A logistic regression learns to tell demonstrations, which are human, from both sides of the pairs of the same
# turns, which are human and inferred in equal parts. Swapping sides changes nothing that it learns from, so it can be
# trusted about them. Asked out-of-fold about single sides, it ranks the human one higher in a share of pairs,
# `found`. How well it could do is known without the labels, too: where it tells demonstrations from the mixture with
# an AUC of `a`, it tells human from inferred sides with one of `m = 2a - 1/2`, since half of the mixture is human
# itself. Were a share `q` of the pairs swapped, it would find `m` in the others and `1 - m` in these, so `q = (m -
# found) / (2m - 1)`.
#
# It reads a side's words and how they fit the dialogue. What it needs is that inferred replies are different at all;
# where `m` is near a half, it can tell nothing, and the precondition `tellable` says so.


_FOLDS = 5
# Pairs that are looked at, whole dialogues by hash.
_MOST = 6_000


@dataclass(frozen=True)
class DemonstratedPair:
    """A pair with the demonstration of its turn."""

    dialogue: str
    history: str
    """All that was said, and the seeker's last words apart."""
    last: str
    chosen: str
    rejected: str
    human: str


@dataclass(frozen=True)
class SidesSeparated:
    """The result of the model."""

    swapped: Interval
    """Estimated share of swapped pairs."""
    tellable: Interval
    """Its AUC between human and inferred sides."""


def separate_sides(release: PinnedRelease) -> SidesSeparated:
    """The model's estimate for the `response` pairs; no value if there are too few dialogues."""
    pairs = pairs_of(release)
    return (
        separate_pairs(pairs)
        if len({one.dialogue for one in pairs}) >= _FOLDS
        else SidesSeparated(nothing(), nothing())
    )


def pairs_of(release: PinnedRelease) -> list[DemonstratedPair]:
    """The `response` pairs whose turn has a demonstration."""
    humans: Mapping[Place, str] = {
        (row["dialogue_id"], row["turn"]): answer_of(row["completion"])
        for row in rows_of(release, Config.RESPONSE_SFT, ("dialogue_id", "turn", "completion"))
    }
    columns = ("dialogue_id", "turn", "prompt", "chosen", "rejected")
    found = [
        _pair(row, humans[row["dialogue_id"], row["turn"]])
        for row in rows_of(release, Config.RESPONSE, columns)
        if (row["dialogue_id"], row["turn"]) in humans
    ]
    order = dict(zip(found, codes_of(one.dialogue for one in found), strict=True))
    return sorted(found, key=lambda one: order[one])[:_MOST]


def _pair(row: dict[str, Any], human: str) -> DemonstratedPair:
    said = [message["content"] for message in row["prompt"] if message["role"] != "system"]
    return DemonstratedPair(
        row["dialogue_id"], " ".join(said), said[-1], answer_of(row["chosen"]), answer_of(row["rejected"]), human
    )


def separate_pairs(pairs: Sequence[DemonstratedPair]) -> SidesSeparated:
    """The model's estimate for these pairs."""
    dialogues = codes_of(one.dialogue for one in pairs)
    sides = ("human", "chosen", "rejected")
    inputs = _inputs([(getattr(one, side), one) for side in sides for one in pairs])
    scores = _out_of_fold(inputs, np.tile(dialogues, 3), np.repeat([1, 0, 0], len(pairs))).reshape(3, len(pairs))
    weights = weights_of(dialogues, REPLICATES).astype(np.float64)
    auc = weighted_auc(scores.ravel(), np.repeat([1, 0, 0], len(pairs)), np.tile(weights, (3, 1)))
    tellable = 2 * auc - 0.5
    ranked = np.sign(scores[1] - scores[2]) / 2 + 0.5
    found = ratio(weights.T @ ranked, weights.sum(axis=0))
    able = np.abs(2 * tellable - 1) > 1e-9
    swapped = np.divide(tellable - found, 2 * tellable - 1, out=np.full(len(found), np.nan), where=able)
    return SidesSeparated(interval(swapped, len(pairs)), interval(tellable, len(pairs)))


# Rows × features: a side's words, its length, and how near its words are to the dialogue's.
def _inputs(sides: Sequence[tuple[str, DemonstratedPair]]) -> Any:
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    replies = words.fit_transform([text for text, _ in sides])
    history, last = (words.transform([getattr(one, part) for _, one in sides]) for part in ("history", "last"))
    near = [np.asarray(replies.multiply(other).sum(axis=1)).ravel() for other in (history, last)]
    length = np.log1p([len(text.split()) for text, _ in sides])
    columns = np.column_stack([*near, length, length**2])
    spread = columns.std(axis=0)
    plain = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return hstack([replies, csr_matrix(plain)], format="csr")


# A score per row from a model that saw nothing of its dialogue.
def _out_of_fold(inputs: Any, dialogues: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    unique, group = np.unique(dialogues, return_inverse=True)
    fold = (np.random.default_rng(SEED).permutation(len(unique)) % _FOLDS)[group]
    scores = np.zeros(len(labels))
    with threadpool_limits(1):  # several threads take longer over such small matrices
        for number in range(_FOLDS):
            seen, asked = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            model = LogisticRegression(solver="liblinear", random_state=SEED).fit(inputs[seen], labels[seen])
            scores[asked] = model.decision_function(inputs[asked])
    return scores.round(12)


# How much of something the most frequent of it is: strategies in a table's column, answers of a system.


# Where strategies stand.
_COLUMNS = {
    **dict.fromkeys(SFT_CONFIGS, ("strategy",)),
    Config.STRATEGY: ("chosen_strategy", "rejected_strategy"),
    Config.RESPONSE: ("strategy",),
    Config.JOINT: ("chosen_strategy", "rejected_strategy"),
}


def largest_share(dialogues: Sequence[str], values: Sequence[Hashable]) -> Interval:
    """The share of the most frequent value, with its interval over dialogues; no value of nothing."""
    if not values:
        return nothing()
    (most, _), *_ = Counter(values).most_common(1)
    found = np.array([value == most for value in values])
    return mean_of(found, weights_of(codes_of(dialogues), REPLICATES)).interval


# The largest share that one strategy has in any column that holds strategies.
def _largest_strategy(release: PinnedRelease) -> Interval:
    return largest([found for config in _COLUMNS for found in _shares(release, config)])


def _shares(release: PinnedRelease, config: Config) -> Iterator[Interval]:
    rows = list(rows_of(release, config, ("dialogue_id", *_COLUMNS[config])))
    for column in _COLUMNS[config]:
        yield largest_share([row["dialogue_id"] for row in rows], [row[column] for row in rows])


def largest_answer(predictions: Sequence[Prediction]) -> Interval:
    """The larger of two shares of a system: of its most frequent strategy, and of its most frequent reply.

    What names none of the eight counts by its own words: a planner that always says one invalid thing varies nothing.
    No value where no strategy is valid.
    """
    if not any(one.strategy is not None for one in predictions):
        return nothing()
    replies = [one for one in predictions if one.reply]
    return largest(
        [
            largest_share([one.dialogue_id for one in predictions], [_named(one) for one in predictions]),
            largest_share([one.dialogue_id for one in replies], [one.reply for one in replies]),
        ]
    )


def _named(one: Prediction) -> str:
    return (one.strategy or one.strategy_raw or "").strip()


def largest(shares: Sequence[Interval]) -> Interval:
    """The largest of several; no value where none has one."""
    told = [one for one in shares if one.value is not None]
    return max(told, key=lambda one: one.value or 0.0, default=nothing())


_WITHHELD = "the dialogues' words are withheld by their licence: build the release from its sources, and validate that"


def answer_release(release: PinnedRelease, audit: Audit) -> tuple[Answered, ...]:
    """Every question about the release.

    Raises:
        DataError: a table cannot be read.
    """
    human = _human_turns(release)
    sides, apart = _look_at_sides(release, human), separate_sides(release)
    strategies = _largest_strategy(release)
    anchored, tellable = _anchored_share(sides), apart.tellable
    words = found(Name.WORDS, bool(human), f"{len(human)} human turns" if human else _WITHHELD)
    able = tellable.low is not None and tellable.low > TELLABLE
    conditions = {
        **words,
        **found(Name.ANCHORED, anchored >= ANCHORED, f"{anchored:.0%} of pairs have a side that is the human's"),
        **found(Name.TELLABLE, able, f"human and inferred sides are separable with AUC {_format(tellable.value)}"),
        **enough_rows(strategies.n),
    }
    return (
        answer(SIDES, worst(sides), conditions, "no pair has a side that is the human's"),
        answer(SIDES_BY_WORDS, apart.swapped, conditions, "there are too few dialogues with pairs"),
        answer(LEAKAGE, leaked(release, audit), conditions, "there are no dialogues to compare"),
        answer(STRATEGIES, strategies, conditions, "no row names a strategy"),
    )


def _format(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
