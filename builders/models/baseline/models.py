"""Fitting the embedded models on the training dialogues of a build."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from pydantic import Field

from ....schemas.base import Frozen, digest_of
from ....schemas.dialogue import Dialogue, Speaker
from ....schemas.error_type import ErrorType
from ....schemas.inference import BASELINE, ModelRef
from ....schemas.strategy import Strategy
from ._responder import Responder, fit_responder
from ._words import rarities
from .planner import STRATEGIES, Planner, TurnExample, fit_planner

ALGORITHM = 1
"""Raised with every change that makes the same dialogues give other answers; it is part of the revision."""


@dataclass(frozen=True, eq=False, repr=False)
class BaselineModels:
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
        return f"BaselineModels({self.revision})"

    @property
    def ref(self) -> ModelRef:
        """How requests name these models."""
        return ModelRef(name=BASELINE, revision=self.revision)


def fit_baseline(dialogues: Iterable[Dialogue]) -> BaselineModels:
    """The embedded models, fitted on `dialogues`; their order and repeated ones make no difference."""
    training = _once_each(dialogues)
    return BaselineModels(
        planner=fit_planner(supporter_samples(training)),
        responder=fit_responder(training),
        rarity=rarities([turn.text for turn in dialogue.turns] for dialogue in training),
        revision=digest_of([ALGORITHM, [_taught(dialogue) for dialogue in training]])[:12],
    )


def supporter_samples(dialogues: Iterable[Dialogue]) -> list[TurnExample]:
    """Every supporter turn that answers a seeker, with the history before it; in order."""
    found: list[TurnExample] = []
    for dialogue in dialogues:
        spoken = False
        for index, turn in enumerate(dialogue.turns):
            spoken = spoken or turn.speaker is Speaker.SEEKER
            if spoken and turn.strategy is not None:
                found.append(TurnExample(history=dialogue.turns[:index], strategy=turn.strategy))
    return found


# The dialogues in the order of their ids, each once: of two that differ in strategies or spelling alone, one.
def _once_each(dialogues: Iterable[Dialogue]) -> Sequence[Dialogue]:
    first: dict[str, Dialogue] = {}
    for dialogue in sorted(dialogues, key=_taught):
        first.setdefault(dialogue.dialogue_id, dialogue)
    return list(first.values())


# What the models learn from a dialogue beyond its id, which neither strategies nor spelling change.
def _taught(dialogue: Dialogue) -> tuple[str, list[tuple[str, str]]]:
    return dialogue.dialogue_id, [(turn.strategy, turn.text) for turn in dialogue.turns if turn.strategy is not None]


# How often the embedded planner names the human's strategy, for the card.


class PlannerScores(Frozen):
    """The planner's most probable strategy against the human's, beside always naming the most frequent one."""

    accuracy: float = Field(ge=0, le=1)
    """Share of turns on which they agree; 0 where there are no turns."""
    macro_f1: float = Field(ge=0, le=1)
    """Mean F1 over all eight strategies; one that neither names counts 0."""
    majority_accuracy: float = Field(ge=0, le=1)
    """The same of the strategy that is most frequent in training."""
    majority_macro_f1: float = Field(ge=0, le=1)
    """The same of the strategy that is most frequent in training."""
    n: int = Field(ge=0)
    """Supporter turns compared."""


def evaluate_planner(models: BaselineModels, dialogues: Iterable[Dialogue]) -> PlannerScores:
    """The scores on `dialogues`, which should be none that the models were fitted on."""
    samples = supporter_samples(dialogues)
    gold = [sample.strategy for sample in samples]
    named = [STRATEGIES[int(models.planner.proba(sample.history).argmax())] for sample in samples]
    majority = [STRATEGIES[int(models.planner.prior.argmax())]] * len(gold)
    return PlannerScores(
        accuracy=_accuracy(gold, named),
        macro_f1=_macro_f1(gold, named),
        majority_accuracy=_accuracy(gold, majority),
        majority_macro_f1=_macro_f1(gold, majority),
        n=len(gold),
    )


def _accuracy(gold: Sequence[Strategy], named: Sequence[Strategy]) -> float:
    return sum(map(lambda one, other: one is other, gold, named)) / len(gold) if gold else 0.0


def _macro_f1(gold: Sequence[Strategy], named: Sequence[Strategy]) -> float:
    pairs = list(zip(gold, named, strict=True))
    scores = []
    for strategy in STRATEGIES:
        hits = sum(one is other is strategy for one, other in pairs)
        claims = sum((one is strategy) + (other is strategy) for one, other in pairs)
        scores.append(2 * hits / claims if claims else 0.0)
    return sum(scores) / len(scores)


# How far the embedded judge agrees with a language model's published verdicts, for the card.


FILE_NAME = "agreement.json"
"""Stands beside this file; `tests/measure_corpus.py --write` makes it anew, and a test compares the two."""


class Kappa(Frozen):
    """Agreement of two judges on one yes-or-no question."""

    kappa: float = Field(ge=-1, le=1)
    """Cohen's kappa: 0 is chance, 1 is perfect."""
    corpus: int = Field(ge=0)
    """Replies of which the embedded judge says yes."""
    published: int = Field(ge=0)
    """Replies of which the published judge says yes."""


class Agreement(Frozen):
    """The embedded judge beside the published one."""

    measured_on: str
    """Which replies."""
    published_judge: str
    """Which judge it is compared with."""
    fitted_on: str
    """What the embedded judge knows words from: none of the dialogues that it judges."""
    algorithm: int
    """Version of the embedded models that was measured."""
    rows: int = Field(ge=0)
    """Published verdicts."""
    aligned: int = Field(ge=0)
    """Those whose reply was found in the corpus, with its history; in order, by strategy and words."""
    n: int = Field(ge=0)
    """Those of them that answer a seeker: what is compared."""
    flagged: Kappa
    """Whether a reply has any error; the published judge knows two more kinds than the embedded one."""
    errors: dict[ErrorType, Kappa]
    """Each error against all else, of those that the embedded judge knows."""


def known_agreement() -> Agreement:
    """The agreement as measured for this version of the package."""
    text = resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8")
    return Agreement.model_validate_json(text)
