"""Fitting the embedded models on the training dialogues of a build."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ....schemas.base import digest_of
from ....schemas.dialogue import Dialogue, Speaker
from ....schemas.inference import ModelRef
from .planner import Planner, Sample, fit_planner
from .responder import Responder, fit_responder
from .words import rarities

CORPUS_MODEL = "corpus"
"""The name of the embedded models in requests, rows and manifests."""

ALGORITHM = 1
"""Raised with every change that makes the same dialogues give other answers; it is part of the revision."""


@dataclass(frozen=True, eq=False, repr=False)
class CorpusModels:
    """Everything that the embedded models have learnt."""

    planner: Planner
    """Names strategies."""
    responder: Responder
    """Finds replies."""
    rarity: Mapping[str, float]
    """How rare content words are, by stem: what the judge finds telling."""
    revision: str
    """12 hexadecimal digits over the algorithm and the training dialogues, in any order."""

    def __repr__(self) -> str:
        return f"CorpusModels({self.revision})"

    @property
    def ref(self) -> ModelRef:
        """How requests name these models."""
        return ModelRef(name=CORPUS_MODEL, revision=self.revision)


def fit_corpus(dialogues: Iterable[Dialogue]) -> CorpusModels:
    """The embedded models, fitted on `dialogues`; their order and repeated ones make no difference."""
    training = _once_each(dialogues)
    return CorpusModels(
        planner=fit_planner(supporter_samples(training)),
        responder=fit_responder(training),
        rarity=rarities([turn.text for turn in dialogue.turns] for dialogue in training),
        revision=digest_of([ALGORITHM, [_taught(dialogue) for dialogue in training]])[:12],
    )


def supporter_samples(dialogues: Iterable[Dialogue]) -> list[Sample]:
    """Every supporter turn that answers a seeker, with the history before it; in order."""
    found: list[Sample] = []
    for dialogue in dialogues:
        spoken = False
        for index, turn in enumerate(dialogue.turns):
            spoken = spoken or turn.speaker is Speaker.SEEKER
            if spoken and turn.strategy is not None:
                found.append(Sample(history=dialogue.turns[:index], strategy=turn.strategy))
    return found


def _once_each(dialogues: Iterable[Dialogue]) -> Sequence[Dialogue]:
    """The dialogues in the order of their ids, each once: of two that differ in strategies or spelling alone, one."""
    first: dict[str, Dialogue] = {}
    for dialogue in sorted(dialogues, key=_taught):
        first.setdefault(dialogue.dialogue_id, dialogue)
    return list(first.values())


def _taught(dialogue: Dialogue) -> tuple[str, list[tuple[str, str]]]:
    """What the models learn from a dialogue beyond its id, which neither strategies nor spelling change."""
    return dialogue.dialogue_id, [(turn.strategy, turn.text) for turn in dialogue.turns if turn.strategy is not None]
