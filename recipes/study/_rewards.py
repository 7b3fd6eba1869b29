"""Held-out rewards: does a model after DPO prefer the chosen side of pairs that it never saw, more than before?

The reward of a side is DPO's own (Rafailov et al. 2023): beta times the gain of its log-probability over the
reference, which is the SFT model. A trainer logs batch means of it over validation rows; here every pair keeps its
own, so that intervals over dialogues can be computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...builders.statistics.bootstrap import SEED, weights_of
from ...schemas.base import Frozen
from ...schemas.dialogue import Split
from ...schemas.inference import Message
from ..catalogue import TrainingStage, TrainingTask, configs_of
from ..data.fit import shorten, token_ids
from ..data.release import PinnedRelease
from ..evaluate.loaded import LoadedModel, load
from ..evaluate.options import Checkpoint
from ..metrics.measured import MetricResult, mean_of
from ..metrics.sample import REPLICATES, codes_of
from ._release_answers import answer_of, rows_of

if TYPE_CHECKING:
    import torch

# Hard held-out pairs, which neither length nor a bag of words separates (our own design).
#
# If human replies are longer than a model's, or use other words, DPO can raise the chosen side of nearly every pair
# without learning what makes it better. So two probes are fitted on the training pairs: logistic regressions on the
# difference of the two sides, one of their lengths and one of their words. They do not read the dialogue. A test pair
# is hard if neither probe gives the chosen side more than `_NEAR_CHANCE`: it is wrong, or near chance. No test dialogue
# is among the training pairs, so the probes have not seen them. On hard pairs, a model that learnt only these two cues
# stays below one half.


# Up to this probability of the chosen side, a probe knows nothing.
_NEAR_CHANCE = 0.55
# The most training pairs that probes are fitted on.
_MOST = 6_000

Row = dict[str, Any]
Texts = Sequence[tuple[str, str]]
"""The chosen and the rejected side of pairs."""


@dataclass(frozen=True)
class HardPairs:
    """The hard test pairs of a task."""

    rows: tuple[Row, ...]
    of: int
    """The number of all test pairs."""


def hard_pairs(release: PinnedRelease, task: TrainingTask) -> HardPairs:
    """The test pairs of a task that the probes get wrong, or are near chance on.

    Raises:
        DataError: a table cannot be read.
    """
    config = configs_of(task, TrainingStage.DPO)[0]
    training = list(rows_of(release, config, _SIDES, (Split.TRAIN,)))[:_MOST]
    rows = list(rows_of(release, config, ("dialogue_id", "prompt", *_SIDES), (Split.TEST,)))
    hard = are_hard([_texts(row) for row in training], [_texts(row) for row in rows])
    return HardPairs(tuple(row for row, is_hard in zip(rows, hard, strict=True) if is_hard), len(rows))


def _texts(row: Row) -> tuple[str, str]:
    return answer_of(row["chosen"]), answer_of(row["rejected"])


def are_hard(training: Texts, pairs: Texts) -> np.ndarray:
    """For each of `pairs`, whether no probe fitted on `training` separates its sides; all false without training."""
    hard = np.full(len(pairs), bool(training))
    if training and pairs:
        for featurise in (_lengths, _words):
            hard &= _probability(featurise, training, pairs) <= _NEAR_CHANCE
    return hard


# The probability that one probe gives the chosen side.
def _probability(featurise: Any, training: Texts, pairs: Texts) -> np.ndarray:
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    known, asked = featurise(training, pairs)
    labels = np.repeat([1, 0], known.shape[0])
    with threadpool_limits(1):  # several threads take longer over such small matrices
        # Both orders of every pair, and no intercept: the probe cannot know which side stands first.
        model = LogisticRegression(solver="liblinear", fit_intercept=False, random_state=SEED)
        model.fit(vstack([known, -known]), labels)
        return np.asarray(model.predict_proba(asked)[:, 1]).round(12)


def _words(training: Texts, pairs: Texts) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    words.fit([side for pair in training for side in pair])
    return tuple(
        words.transform([one for one, _ in some]) - words.transform([other for _, other in some])
        for some in (training, pairs)
    )


def _lengths(training: Texts, pairs: Texts) -> tuple[Any, Any]:
    from scipy.sparse import csr_matrix

    def measured(some: Texts) -> np.ndarray:
        sizes = np.log1p([[[len(side), len(side.split())] for side in pair] for pair in some])
        return np.asarray(sizes[:, 0] - sizes[:, 1])

    known, asked = measured(training), measured(pairs)
    spread = known.std(axis=0)
    spread[spread == 0] = 1
    return csr_matrix(known / spread), csr_matrix(asked / spread)


# TRL's default, for recipes that do not set it.
_BETA = 0.1
_AT_ONCE = 8
_SIDES = ("chosen", "rejected")


class Rewards(Frozen):
    """The rewards of one task."""

    policy: str
    """The model after DPO, with a digest of its weights."""
    reference: str
    """The model after SFT."""
    dialogues: tuple[str, ...]
    """The dialogue of every scored pair."""
    margins: tuple[float, ...]
    """For every pair, the chosen side's reward minus the rejected side's."""
    of: int
    """The number of all test pairs."""
    hard: int
    """The number of hard pairs; the first ones were scored."""
    too_long: int
    """Pairs that exceed the model's context, and are not counted."""

    @property
    def accuracy(self) -> MetricResult:
        """Share of pairs with a margin above 0."""
        return mean_of(np.array(self.margins) > 0, self._weights)

    @property
    def margin(self) -> MetricResult:
        return mean_of(np.array(self.margins, dtype=np.float64), self._weights)

    @property
    def _weights(self) -> np.ndarray:
        return weights_of(codes_of(self.dialogues), REPLICATES)


@dataclass(frozen=True)
class Side:
    """One side of a pair in tokens."""

    ids: list[int]
    """Prompt and answer."""
    begins: int
    """The index of the answer's first token."""


def held_out_rewards(pairs: HardPairs, policy: Checkpoint, reference: Checkpoint, most: int | None) -> Rewards:
    """The rewards on test pairs, or on the first `most` of them.

    Raises:
        UsageError: a checkpoint cannot be loaded.
    """
    rows = pairs.rows[:most]
    after = load(policy)
    fitting = [(row["dialogue_id"], pair) for row in rows if (pair := _pair(after, row)) is not None]
    sides = [side for _, pair in fitting for side in pair]
    gains = _log_probabilities(after, sides)
    del after  # two large models need not be held at once
    gains -= _log_probabilities(load(reference), sides)
    margins = _beta(policy) * (gains[0::2] - gains[1::2])
    return Rewards(
        policy=str(policy.ref),
        reference=str(reference.ref),
        dialogues=tuple(name for name, _ in fitting),
        margins=tuple(round(float(one), 9) for one in margins),
        of=pairs.of,
        hard=len(pairs.rows),
        too_long=len(rows) - len(fitting),
    )


def _beta(policy: Checkpoint) -> float:
    beta = policy.run.settings.get("beta") if policy.run is not None else None
    return float(beta) if isinstance(beta, int | float) else _BETA


# Both sides after the same prompt, which is shortened if it is too long; None if they do not fit.
def _pair(model: LoadedModel, row: dict[str, Any]) -> tuple[Side, Side] | None:
    tokenizer, sides = model.tokenizer, [row[name] for name in _SIDES]

    def length(prompt: list[Message]) -> int:
        return max(map(len, token_ids(tokenizer, [[*prompt, *side] for side in sides])))

    prompt = shorten(row["prompt"], length, model.context)
    if prompt is None:
        return None
    (before,) = token_ids(tokenizer, [prompt], add_generation_prompt=True)
    chosen, rejected = token_ids(tokenizer, [[*prompt, *side] for side in sides])
    return Side(chosen, len(before)), Side(rejected, len(before))


# The log-probability of every side's answer after its prompt, in order: a sum over its tokens, nats.
def _log_probabilities(model: LoadedModel, sides: Sequence[Side]) -> np.ndarray:
    found = np.zeros(len(sides))
    order = sorted(range(len(sides)), key=lambda at: len(sides[at].ids))
    for first in range(0, len(order), _AT_ONCE):
        some = order[first : first + _AT_ONCE]
        found[some] = _batch(model, [sides[at] for at in some])
    return found


def _batch(model: LoadedModel, sides: Sequence[Side]) -> list[float]:
    import torch

    width = max(len(side.ids) for side in sides)
    padding = model.tokenizer.pad_token_id or 0
    ids = torch.tensor([side.ids + [padding] * (width - len(side.ids)) for side in sides])
    mask = torch.tensor([[1] * len(side.ids) + [0] * (width - len(side.ids)) for side in sides])
    with torch.inference_mode():
        logits = model.model(input_ids=ids.to(model.model.device), attention_mask=mask.to(model.model.device)).logits
    return [_of_answer(row, side) for row, side in zip(logits, sides, strict=True)]


# The sum over the answer's tokens, each after all before it.
def _of_answer(logits: "torch.Tensor", side: Side) -> float:
    import torch

    answer = torch.tensor(side.ids[side.begins :], device=logits.device)
    logs = torch.log_softmax(logits[side.begins - 1 : len(side.ids) - 1].float(), dim=-1)
    return float(logs.gather(1, answer[:, None]).sum())
