"""How often the embedded planner names the human's strategy, for the card."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from ....schemas.base import Frozen
from ....schemas.dialogue import Dialogue
from ....schemas.strategy import Strategy
from .models import CorpusModels, supporter_samples
from .planner import STRATEGIES


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


def evaluate_planner(models: CorpusModels, dialogues: Iterable[Dialogue]) -> PlannerScores:
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
