"""Splits the dialogues of a release into folds, so that no model mines a dialogue that it was trained on.

A dialogue's fold is a number made from a hash of its id; dialogues that nearly repeat each other share a fold, as they
share a split, since to have trained on the one is to have seen the other (our own design). Dialogues keep the split
that the release gave them, as the split of their source: so what is built of a fold has the release's own splits.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.dialogue import Dialogue, Split
from ...schemas.documents import read_json
from ...schemas.errors import DataError
from ...schemas.files import replacing, write_whole
from ..data.release import PinnedRelease

FOLDER = "folds"
# Another salt than that of the splits: otherwise a fold would hold more of one split than of another.
_SALT = "mining fold"
# Rows of `dialogues` in memory at a time.
_AT_ONCE = 500
_FIELDS = ("source", "license", "problem", "emotion", "situation")


class FoldCounts(Frozen):
    """The dialogues of one fold."""

    fold: int
    """Its number, from 1."""
    dialogues: dict[Split, int]
    """How many it has of every split."""


@dataclass(frozen=True)
class FoldFiles:
    """Where a fold's files are, in the folder of the loop."""

    fold: int
    """Its number, from 1."""

    @property
    def dialogues(self) -> str:
        """The dialogues that are mined, a JSON line each."""
        return f"{FOLDER}/fold-{self.fold}.jsonl"

    @property
    def others(self) -> str:
        """The ids of the dialogues of all other folds that its miners may learn from: of train and validation."""
        return f"{FOLDER}/without-{self.fold}.txt"


def fold_of(key: str, folds: int) -> int:
    """The fold of a dialogue's id, or of the id that stands for its near-duplicates: 1 to `folds`."""
    return int.from_bytes(hashlib.sha256(f"{_SALT}/{key}".encode()).digest()[:8]) % folds + 1


def write_folds(release: PinnedRelease, out: Path, folds: int, limit: int | None = None) -> tuple[FoldCounts, ...]:
    """Writes the files of every fold below `out`, and returns the counts of each.

    Args:
        release: opened for its `dialogues`.
        out: the folder of the loop.
        folds: how many, from 1.
        limit: dialogues of each split that are mined at most; what miners are trained on has no limit.

    Raises:
        DataError: dialogues are withheld or damaged, or a fold gets no training dialogue to mine.
    """
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    stands_for = near_duplicates(release)
    counts = {fold: Counter[Split]() for fold in range(1, folds + 1)}
    seen, learnt = Counter[Split](), list[tuple[str, int]]()
    with ExitStack() as stack:
        parts = {fold: stack.enter_context(replacing(out / FoldFiles(fold).dialogues)) for fold in counts}
        files = {fold: stack.enter_context(part.open("xb")) for fold, part in parts.items()}
        for split, dialogue in _dialogues(release):
            fold = fold_of(stands_for.get(dialogue.dialogue_id, dialogue.dialogue_id), folds)
            # Miners learn from train and validation; the list must not name a test dialogue even by id.
            if split is not Split.TEST:
                learnt.append((dialogue.dialogue_id, fold))
            # A limit bounds what is mined. What miners are trained on stays whole, or small loops would measure
            # something else.
            seen[split] += 1
            if limit is None or seen[split] <= limit:
                files[fold].write(dialogue.model_dump_json(exclude={"dialogue_id"}).encode() + b"\n")
                counts[fold][split] += 1
    _check_counts(release, counts)
    # With one fold there are no others to learn from, and the miners are trained on everything.
    for fold in counts if folds > 1 else ():
        ids = sorted(dialogue_id for dialogue_id, own in learnt if own != fold)
        write_whole(out / FoldFiles(fold).others, "".join(f"{one}\n" for one in ids))
    return tuple(
        FoldCounts(fold=fold, dialogues={split: one[split] for split in Split}) for fold, one in counts.items()
    )


def near_duplicates(release: PinnedRelease) -> dict[str, str]:
    """For every dialogue that nearly repeats others, the smallest id among them.

    Raises:
        DataError: the release's `splits.json` is damaged.
    """
    try:
        groups = read_json(release.root / "splits.json", release.root)["near_duplicates"]
        # The smallest id, not the first: the order of dialogues must not decide their fold.
        return {member: min(group) for group in groups for member in group}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{release.name}: splits.json is damaged: {error}") from error


def _check_counts(release: PinnedRelease, counts: Mapping[int, Counter[Split]]) -> None:
    for fold, one in counts.items():
        if not one[Split.TRAIN]:
            raise DataError(
                f"{release.name}: too few training dialogues for {len(counts)} folds: fold {fold} would have "
                "none: use fewer --folds, or a larger --limit"
            )


# The dialogues of all splits, each with its own, in the order of their sources.
def _dialogues(release: PinnedRelease) -> Iterator[tuple[Split, Dialogue]]:
    for _, split, dialogue in heapq.merge(*(_of_split(release, split) for split in Split), key=lambda one: one[0]):
        yield split, dialogue


def _of_split(release: PinnedRelease, split: Split) -> Iterator[tuple[int, Split, Dialogue]]:
    for row in _rows(release, release.tables(Config.DIALOGUES, split)):
        if row["withheld"]:
            raise DataError(
                f"{release.name}: dialogue {row['dialogue_id']} is withheld by its licence: build the release from its "
                "sources, and mine that"
            )
        about = {name: row[name] for name in _FIELDS}
        dialogue = Dialogue.model_validate({**about, "split": split, "turns": row["turns"]})
        # Folds go by ids, so an id that does not belong to its words could put a dialogue with its own miner.
        if dialogue.dialogue_id != row["dialogue_id"]:
            raise DataError(f"{release.name}: dialogue {row['dialogue_id']} has other words than its id says")
        yield row["position"], split, dialogue


def _rows(release: PinnedRelease, tables: Iterable[Path]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = ["dialogue_id", "position", "withheld", "turns", *_FIELDS]
    for path in tables:
        try:
            for batch in pq.ParquetFile(path).iter_batches(_AT_ONCE, columns=wanted):
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{release.name}: {path.name} of `dialogues` cannot be read: {error}") from error
