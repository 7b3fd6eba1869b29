"""The turns that systems are asked at, with what the human did there, and the dialogues that baselines learn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...schemas.config import Config
from ...schemas.dialogue import Dialogue, Speaker, Split, Turn
from ...schemas.emotion import Emotion, parse_emotion
from ...schemas.errors import DataError
from ...schemas.strategy import Strategy
from ..data.release import PinnedRelease, open_release

_COLUMNS = ("dialogue_id", "withheld", "emotion", "turns")
_AT_ONCE = 1_000


@dataclass(frozen=True)
class HumanTurn:
    """One supporter turn of a human, with what was said before it."""

    dialogue_id: str
    index: int
    """Its place among the dialogue's turns, from 0."""
    history: tuple[Turn, ...]
    strategy: Strategy
    text: str
    emotion: Emotion | None = None
    """The dialogue's main emotion, if its source names one of the list."""


def evaluated_release(place: str, revision: str | None = None) -> PinnedRelease:
    """The release to evaluate on: a folder, or `ORG/NAME[@REVISION]` on the Hub at a tag or commit.

    Raises:
        UsageError: there is no such release, or the revision is none that stays.
        DataError: it is damaged, or has no dialogues.
        EndpointError: the Hub cannot be reached.
    """
    name, at, stated = place.partition("@")
    if at and not Path(place).exists():
        place, revision = name, stated
    return open_release(place, revision, Config.DIALOGUES)


def held_out_turns(release: PinnedRelease, split: Split, limit: int | None = None) -> tuple[HumanTurn, ...]:
    """Every supporter turn of a split that answers a seeker, in order; of the first `limit` dialogues where given.

    Raises:
        DataError: the split has no such turn, its dialogues are withheld, or a file is damaged.
    """
    found: list[HumanTurn] = []
    for number, (dialogue_id, emotion, turns) in enumerate(_dialogues(release, split)):
        if limit is not None and number >= limit:
            break
        found += _supporter_turns(dialogue_id, emotion, turns)
    if not found:
        raise DataError(f"{release.name}: split {split} of `dialogues` has no supporter turn to evaluate on")
    return tuple(found)


def training_dialogues(release: PinnedRelease) -> Iterator[Dialogue]:
    """The dialogues of the training split, in order."""
    for _, _, turns in _dialogues(release, Split.TRAIN):
        yield Dialogue(source="release", license="unknown", turns=turns)


# A dialogue's id, its main emotion where that is known, and its turns.
_Told = tuple[str, Emotion | None, tuple[Turn, ...]]


def _dialogues(release: PinnedRelease, split: Split) -> Iterator[_Told]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in release.tables(Config.DIALOGUES, split):
        try:
            for batch in pq.ParquetFile(path).iter_batches(_AT_ONCE, columns=list(_COLUMNS)):
                yield from (_dialogue(release, *row) for row in zip(*batch.to_pydict().values(), strict=True))
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{release.name}: {path.name} of `dialogues` cannot be read: {error}") from error


def _dialogue(
    release: PinnedRelease, dialogue_id: str, withheld: bool, emotion: str | None, turns: list[dict[str, Any]]
) -> _Told:
    if withheld:
        raise DataError(
            f"{release.name}: dialogue {dialogue_id} is withheld by its licence: build the release from its sources, "
            "and evaluate on that"
        )
    known = parse_emotion(emotion) if emotion is not None else None
    return dialogue_id, known, tuple(Turn.model_validate(turn) for turn in turns)


def _supporter_turns(dialogue_id: str, emotion: Emotion | None, turns: tuple[Turn, ...]) -> Iterator[HumanTurn]:
    spoken = False
    for index, turn in enumerate(turns):
        spoken = spoken or turn.speaker is Speaker.SEEKER
        if spoken and turn.strategy is not None:
            yield HumanTurn(dialogue_id, index, turns[:index], turn.strategy, turn.text, emotion)
