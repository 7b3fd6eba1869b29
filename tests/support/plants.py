"""Plants one fault in a release that a validation must catch; digests are brought in line, so that none betrays it."""

import random
from collections.abc import Callable, Iterator
from typing import Any

from support.releases import change_rows, read_rows, refresh_hashes

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config

Row = dict[str, Any]
SEED = 20261121


def swap_sides(release: Release, share: float) -> Release:
    """The release with chosen and rejected exchanged in that share of every config's pairs, drawn at random."""
    draw = random.Random(SEED)

    def swap(rows: list[Row]) -> None:
        for row in rows:
            if draw.random() < share:
                row["chosen"], row["rejected"] = row["rejected"], row["chosen"]

    for config in PAIR_CONFIGS:
        _change(release, config, swap)
    return refresh_hashes(release.root)


def leak_rows(release: Release) -> Release:
    """The release with the demonstrations of its first test dialogue in training, too; `dialogues` is as it was."""
    for config in SFT_CONFIGS:
        (test,) = _names(release, config, "test")
        rows = read_rows(release, test)
        stolen = [row for row in rows if row["dialogue_id"] == rows[0]["dialogue_id"]]
        (train,) = _names(release, config, "train")
        change_rows(release, train, lambda there, stolen=stolen: there.extend(stolen))  # type: ignore[misc]
    return refresh_hashes(release.root)


def leak_dialogue(release: Release, *, retouched: bool) -> Release:
    """The release with its longest test dialogue among those of training, too.

    Args:
        release: to be altered.
        retouched: under another name, and with another first word in some turns.
    """
    (test,) = _names(release, Config.DIALOGUES, "test")
    stolen = max(read_rows(release, test), key=lambda row: len(row["turns"]))
    if retouched:
        turns = [
            {**turn, "text": f"Well, {turn['text']}" if at % 8 == 0 else turn["text"]}
            for at, turn in enumerate(stolen["turns"])
        ]
        stolen = {**stolen, "dialogue_id": "f" * len(stolen["dialogue_id"]), "turns": turns}
    (train,) = _names(release, Config.DIALOGUES, "train")
    change_rows(release, train, lambda rows: rows.append(stolen))
    return refresh_hashes(release.root)


def one_strategy(release: Release, strategy: str = "Question") -> Release:
    """The release with the same strategy chosen everywhere in `strategy`, which is what a planner learns by DPO."""

    def change(rows: list[Row]) -> None:
        for row in rows:
            row["chosen_strategy"] = strategy
            row["chosen"] = [{"role": "assistant", "content": strategy}]

    _change(release, Config.STRATEGY, change)
    return refresh_hashes(release.root)


def _change(release: Release, config: Config, change: Callable[[list[Row]], None]) -> None:
    for name in _names(release, config):
        change_rows(release, name, change)


def _names(release: Release, config: Config, split: str = "") -> Iterator[str]:
    return (name for name in release.manifest.files if name.startswith(f"data/{config}/{split}"))
