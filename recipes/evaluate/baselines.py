"""Baselines that planners must beat: the most frequent strategy, a linear model of a few words, and the embedded one.

They name strategies alone. All learn from the release's training dialogues and name their first choice, so they are the
same however often they are asked.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...builders.models.baseline.models import supporter_samples
from ...builders.models.baseline.planner import STRATEGIES, TurnExample, fit_planner
from ...builders.models.baseline.text import view_history
from ...schemas.dialogue import Dialogue, Speaker, Turn
from ...schemas.strategy import Strategy
from .held_out import HumanTurn
from .predictions import Prediction, System

MAJORITY = "majority"
LINEAR = "TF-IDF + logistic regression"
PLANNER = "corpus planner"
BASELINES = (MAJORITY, LINEAR, PLANNER)
"""Their names."""

# Earlier strategies of the supporter that the linear model sees.
_PREVIOUS = 2
_SEED = 20250516


def baselines(training: Sequence[Dialogue], turns: Sequence[HumanTurn]) -> tuple[System, ...]:
    """Every baseline on these turns; of no training turns, none."""
    samples = supporter_samples(training)
    if not samples:
        return ()
    learnt = f"learnt from {len(samples)} turns of {len(training)} training dialogues"
    majority = Counter(sample.strategy for sample in samples).most_common(1)[0][0]
    planner = fit_planner(samples)
    named: tuple[tuple[str, str, Sequence[Strategy]], ...] = (
        (MAJORITY, f"always {majority}, the most frequent of the training turns", [majority] * len(turns)),
        (LINEAR, f"the seeker's last turn and the two strategies before, {learnt}", _linear(samples, turns)),
        (
            PLANNER,
            f"the embedded planner's first choice, {learnt}",
            [STRATEGIES[int(planner.proba(turn.history).argmax())] for turn in turns],
        ),
    )
    return tuple(
        System(name, "baseline", about, tuple(_prediction(name, *one) for one in zip(turns, strategies, strict=True)))
        for name, about, strategies in named
    )


def majority_of(systems: Sequence[System]) -> System:
    """The strategy that is most frequent among the very turns that are scored: what files alone can be held to.

    It knows the test turns, so it is somewhat better than a majority that was learnt.
    """
    first = systems[0].predictions
    majority = Counter(one.gold_strategy for one in first).most_common(1)[0][0]
    about = f"always {majority}, the most frequent of the turns that are scored; the other baselines need a release"
    return System(
        MAJORITY,
        "baseline",
        about,
        tuple(
            one.model_copy(
                update={"system": MAJORITY, "strategy_raw": majority.value, "strategy": majority, "reply": None}
            )
            for one in first
        ),
    )


def _prediction(name: str, turn: HumanTurn, strategy: Strategy) -> Prediction:
    return Prediction(
        system=name,
        dialogue_id=turn.dialogue_id,
        turn=turn.index,
        gold_strategy=turn.strategy,
        gold_reply=turn.text,
        strategy_raw=strategy.value,
        strategy=strategy,
        reply=None,
    )


# A logistic regression over the seeker's last words (TF-IDF) and the two strategies before, both the human's.
def _linear(samples: Sequence[TurnExample], turns: Sequence[HumanTurn]) -> list[Strategy]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer
    from threadpoolctl import threadpool_limits

    gold = [sample.strategy.value for sample in samples]
    if len(set(gold)) < 2:
        return [samples[0].strategy] * len(turns)
    # Signs are words, too: so a corpus always has a vocabulary.
    words: Any = make_pipeline(
        FunctionTransformer(_last_words), TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    )
    previous: Any = make_pipeline(FunctionTransformer(_previous), DictVectorizer())
    model = make_pipeline(make_union(words, previous), LogisticRegression(max_iter=1_000, random_state=_SEED))
    with threadpool_limits(1):  # several threads take longer over such small matrices
        model.fit([sample.history for sample in samples], gold)
        return [Strategy(name) for name in model.predict([turn.history for turn in turns])]


def _last_words(histories: Sequence[Sequence[Turn]]) -> list[str]:
    return [view_history(history).last_seeker for history in histories]


def _previous(histories: Sequence[Sequence[Turn]]) -> list[dict[str, str]]:
    found = []
    for history in histories:
        named = [turn.strategy.value for turn in history if turn.speaker is Speaker.SUPPORTER and turn.strategy]
        found.append({f"{back} before": name for back, name in enumerate(reversed(named[-_PREVIOUS:]), 1)})
    return found
