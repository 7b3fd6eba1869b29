"""The GRPO reward of a trace: the reward model's scores of its steps and its reply. Our own design.

A trace that cannot be parsed has a reward of 0, the minimum; a well-formed one earns nothing but its scores.

Repetition is measured here, but applied to advantages in `trainer`, and only to those above 0. Multiplying the reward
by it, as we did before, ranks one nonsense reply above seven good ones that resemble each other: a reward says how good
a reply is, and only the comparison within its group says whether it is reinforced. Advantages of 0 or less stay as they
are, since a smaller one would protect repetitive replies.

PEER (arXiv 2508.09521) also gives redundant outputs less weight, but does not publish its similarity; ours is the
Jaccard similarity of runs of three words, which is low for replies that only share common words, and high for copies
that differ in a word.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ...prompts.parsers.trace import find_steps, parse_trace, step_texts
from ...schemas.inference import Message
from ...schemas.strategy import Strategy
from ...schemas.trace import Step, Trace
from ..metrics.diversity import self_bleu
from ..metrics.sample import Phrases, ngrams, phrases_of, tokens
from ..reward.model import RewardModel, ScoredSteps
from ..runs.arguments import MIN, GrpoArguments

_SUPPORTER = "supporter: "
# Self-BLEU compares every reply with every other one, so it looks at no more than these.
_SELF_BLEU_REPLIES = 32

LogMetric = Callable[[str, float], None]
"""Takes the name and the value of a metric of one batch."""


@dataclass(frozen=True)
class RewardParts:
    """The parts of the reward of each trace in a batch, whether they have a weight or not."""

    steps: list[ScoredSteps | None]
    """The score of every step; None if the text is not a trace."""
    redundancy: list[float]
    """The redundancy weight of each reply within its group, see `redundancy_weights`."""

    def rewards(self, weights: GrpoArguments) -> list[float]:
        """The weighted sum of process and outcome; 0, the minimum, if the text is not a trace."""
        return [0.0 if one is None else _reward(one, weights) for one in self.steps]

    def rewards_to_go(self, weights: GrpoArguments) -> list[tuple[float, ...]]:
        """The reward of each step with all steps after it; zeros if the text is not a trace.

        At the first step it is the reward under the mean, at the reply the outcome's part.
        """
        return [(0.0,) * len(Step) if one is None else _rewards_to_go(one, weights) for one in self.steps]

    def kept_shares(self, weights: GrpoArguments) -> list[float]:
        """The share of an advantage above 0 that each reply keeps."""
        return [scale_weight(one, weights.redundancy, weights.redundancy_floor) for one in self.redundancy]

    def means(self) -> dict[str, float]:
        """The mean of each part; a text that is not a trace scores 0."""
        scored = [one or (0.0,) * len(Step) for one in self.steps]
        parts = {
            "process": [sum(one[:-1]) / (len(one) - 1) for one in scored],
            "process_min": [min(one[:-1]) for one in scored],
            "outcome": [one[-1] for one in scored],
            "format": [float(one is not None) for one in self.steps],
            "redundancy": self.redundancy,
        }
        return {name: sum(values) / len(values) for name, values in parts.items()}


def _reward(scores: ScoredSteps, weights: GrpoArguments) -> float:
    *steps, reply = scores
    # `per_step` has the mean's reward: only the credit of later tokens differs, see `trainer`.
    process = min(steps) if weights.process_credit == MIN else sum(steps) / len(steps)
    return weights.process * process + weights.outcome * reply


def _rewards_to_go(scores: ScoredSteps, weights: GrpoArguments) -> tuple[float, ...]:
    *steps, reply = scores
    process = (sum(steps[at:]) / len(steps) for at in range(len(scores)))
    return tuple(weights.process * one + weights.outcome * reply for one in process)


class TraceReward:
    """A reward function as TRL's `GRPOTrainer` calls it.

    Redundancy is measured within the part of a group that one process generates.
    """

    __name__ = "trace"  # TRL logs the reward under this name

    def __init__(self, weights: GrpoArguments, model: RewardModel) -> None:
        self.weights, self.model = weights, model
        self.last = RewardParts([], [])
        """The parts of the last batch, from which the trainer shapes its advantages."""

    def __call__(
        self,
        prompts: Sequence[list[Message]],
        completions: Sequence[list[Message]],
        human_strategy: Sequence[str | None] | None = None,
        log_metric: LogMetric | None = None,
        **_: Any,
    ) -> list[float]:
        """The reward of each completion; its parts and the diversity of the replies go to `log_metric`."""
        texts = [completion[-1]["content"] for completion in completions]
        traces = [trace if isinstance(trace := parse_trace(text), Trace) else None for text in texts]
        replies = [
            trace.reply if trace else find_steps(text).get(Step.REPLY, text)
            for trace, text in zip(traces, texts, strict=True)
        ]
        self.last = RewardParts(self._score(prompts, traces), _redundancy(prompts, replies))
        if log_metric is not None:
            for name, value in self.last.means().items():
                log_metric(name, value)
            if human_strategy is not None:
                _log_accuracy(traces, human_strategy, log_metric)
            _log_diversity(replies, log_metric)
        return self.last.rewards(self.weights)

    def _score(self, prompts: Sequence[list[Message]], traces: Sequence[Trace | None]) -> list[ScoredSteps | None]:
        parsed = [(prompt, step_texts(trace)) for prompt, trace in zip(prompts, traces, strict=True) if trace]
        scores = iter(self.model.score(parsed))
        return [next(scores) if trace else None for trace in traces]


# The redundancy weight of each reply in its group: the replies to one prompt, which are adjacent.
def _redundancy(prompts: Sequence[list[Message]], replies: Sequence[str]) -> list[float]:
    weights: list[float] = []
    for prompt, group in groupby(zip(prompts, replies, strict=True), key=lambda pair: pair[0]):
        weights += redundancy_weights([reply for _, reply in group], list(supporter_turns(prompt)))
    return weights


def redundancy_weights(replies: Sequence[str], earlier: Sequence[str] = ()) -> list[float]:
    """The weight of each reply of a group, in (0, 1]; 1 if it shares no phrase with any other text.

    With the Jaccard similarity `s` to every other reply of the group, and the share `r` of a reply's phrases that the
    supporter has used before, a reply weighs `1 / (1 + sum of s + r)`: each of `n` copies weighs `1 / n`.

    Args:
        replies: to one prompt.
        earlier: the supporter's earlier turns in this dialogue.
    """
    group = [phrases_of(reply) for reply in replies]
    used: Phrases = frozenset().union(*(phrases_of(text) for text in earlier))
    weights = []
    for place, own in enumerate(group):
        similar = sum(jaccard(own, other) for at, other in enumerate(group) if at != place)
        weights.append(1 / (1 + similar + len(own & used) / len(own)))
    return weights


def jaccard(one: Phrases, other: Phrases) -> float:
    """The Jaccard similarity of two texts by their phrases: 0 if they share none, 1 if they have the same."""
    return len(one & other) / len(one | other)


def scale_weight(weight: float, strength: float, floor: float = 0.0) -> float:
    """The weight if similarity counted `strength` times as much, and at least `floor`.

    A strength of 0 gives 1, a strength of 1 the weight itself, if it is above the floor.
    """
    return max(floor, 1 / (1 + strength * (1 / weight - 1)))


def supporter_turns(prompt: Sequence[Message]) -> Iterator[str]:
    """The supporter's turns in a prompt, whether it has chat messages or a transcript."""
    for message in prompt:
        if message["role"] == "assistant":
            yield message["content"]
        elif message["role"] == "user":
            lines = message["content"].split("\n")
            yield from (line.removeprefix(_SUPPORTER) for line in lines if line.startswith(_SUPPORTER))


def _log_accuracy(traces: Sequence[Trace | None], human_strategy: Sequence[str | None], log_metric: LogMetric) -> None:
    pairs = [(trace, human) for trace, human in zip(traces, human_strategy, strict=True) if human]
    if pairs:
        right = [trace is not None and trace.strategy.strategy is Strategy(human) for trace, human in pairs]
        log_metric("strategy_accuracy", sum(right) / len(right))


def _log_diversity(replies: Sequence[str], log_metric: LogMetric) -> None:
    words = [tokens(reply) for reply in replies]
    for order in (1, 2):
        grams = [gram for reply in words for gram in ngrams(reply, order)]
        if grams:
            log_metric(f"distinct_{order}", len(set(grams)) / len(grams))
    spoken = [reply for reply in replies if reply.strip()][:_SELF_BLEU_REPLIES]
    if len(spoken) > 1:
        log_metric("self_bleu", sum(self_bleu(spoken)) / len(spoken))
