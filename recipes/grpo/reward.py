"""What GRPO rewards a trace with: the reward model's scores of its steps and its reply. Our own design.

A whole trace is a precondition: what cannot be read is rewarded with 0, the least that there is, and a whole trace has
nothing but its scores. What repeats is measured here, too, and weighed where advantages are known, in `trainer`.
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
from ..reward.model import RewardModel
from ..runs.arguments import MIN, GrpoArguments

# How much of its advantage a reply keeps where others say the same.
#
# PEER (arXiv 2508.09521) weighs redundant outputs down, but its measure of similarity is not published: this one is our
# own. Phrases are runs of three words, so that replies that merely share common words are not alike, and copies that
# differ in a word nearly are. The weight is one over a soft count of those who say the same, so that copies share the
# credit of one, down to a floor.
#
# The weight is for advantages above 0 alone. Multiplied with rewards, as we did before, it puts one nonsense reply
# above seven good ones that resemble each other: a reward says how good a reply is, and only the comparison within
# its group says whether it is to be reinforced. An advantage of 0 or less is left as it is, since less of it would
# protect what repeats.


def likeness(one: Phrases, other: Phrases) -> float:
    """The Jaccard similarity of two texts by their phrases: 0 for none in common, 1 for the same ones."""
    return len(one & other) / len(one | other)


def redundancy_weights(replies: Sequence[str], said_before: Sequence[str] = ()) -> list[float]:
    """What each reply of a group counts for: above 0 up to 1, and 1 for one that shares no phrase with anything.

    With the Jaccard similarity `s` to every other reply of the group, and the share `r` of a reply's phrases that the
    supporter has used before, a reply weighs `1 / (1 + sum of s + r)`: each of `n` copies weighs `1 / n`.

    Args:
        replies: of one prompt.
        said_before: what the supporter said earlier in this dialogue.
    """
    group = [phrases_of(reply) for reply in replies]
    used: Phrases = frozenset().union(*(phrases_of(text) for text in said_before))
    weights = []
    for place, own in enumerate(group):
        alike = sum(likeness(own, other) for at, other in enumerate(group) if at != place)
        weights.append(1 / (1 + alike + len(own & used) / len(own)))
    return weights


def at_strength(weight: float, strength: float, floor: float = 0.0) -> float:
    """A weight as if similarity counted `strength` times as much, and never below `floor`.

    It is 1 at a strength of 0, and itself at one of 1 where it is above the floor.
    """
    return max(floor, 1 / (1 + strength * (1 / weight - 1)))


_SUPPORTER = "supporter: "
_MOST_COMPARED = 32
"""Replies that self-BLEU looks at, at most: it compares each with every other one."""

LogMetric = Callable[[str, float], None]
"""Takes the name and the value of what is measured in one batch."""


@dataclass(frozen=True)
class Parts:
    """What was found of each trace of a batch, whether a part is switched on or not."""

    steps: list[tuple[float, ...] | None]
    """The score of every step, the reply last, 0 to 1 each; None of what is not a trace."""
    redundancy: list[float]
    """What the reply counts for among those of its group, at a strength of 1."""

    def rewards(self, weights: GrpoArguments) -> list[float]:
        """Process and outcome by their weights; 0, which is the least, of what is not a trace."""
        return [0.0 if one is None else _reward(one, weights) for one in self.steps]

    def still_to_earn(self, weights: GrpoArguments) -> list[tuple[float, ...]]:
        """What each step of a trace and all after it are rewarded with, in the order of the steps.

        That of the first step is the reward under the mean; that of the reply is the outcome's part. All are 0 of what
        is not a trace.
        """
        return [_still_to_earn(one, weights) for one in self.steps]

    def kept(self, weights: GrpoArguments) -> list[float]:
        """What share of an advantage above 0 each reply keeps."""
        return [at_strength(one, weights.redundancy, weights.redundancy_floor) for one in self.redundancy]

    def logged(self) -> dict[str, float]:
        """The mean of each part; what is not a trace has no score, which counts as 0."""
        scored = [one or (0.0,) * len(Step) for one in self.steps]
        found = {
            "process": [sum(one[:-1]) / (len(one) - 1) for one in scored],
            "process_min": [min(one[:-1]) for one in scored],
            "outcome": [one[-1] for one in scored],
            "format": [float(one is not None) for one in self.steps],
            "redundancy": self.redundancy,
        }
        return {name: sum(values) / len(values) for name, values in found.items()}


def _reward(scores: Sequence[float], weights: GrpoArguments) -> float:
    *steps, reply = scores
    # `per_step` is the mean at the first step: what later steps are paid is told apart in `trainer`.
    process = min(steps) if weights.process_credit == MIN else sum(steps) / len(steps)
    return weights.process * process + weights.outcome * reply


def _still_to_earn(scores: Sequence[float] | None, weights: GrpoArguments) -> tuple[float, ...]:
    if scores is None:
        return (0.0,) * len(Step)
    *steps, reply = scores
    process = (sum(steps[at:]) / len(steps) for at in range(len(scores)))
    return tuple(weights.process * one + weights.outcome * reply for one in process)


class TraceReward:
    """A reward function as TRL's `GRPOTrainer` calls it.

    A completion that is not a trace gets the least reward, unscored. What repeats is looked for in the replies of
    one group as far as they are generated by one process.
    """

    __name__ = "trace"

    def __init__(self, weights: GrpoArguments, model: RewardModel) -> None:
        """Args:
        weights: of the parts.
        model: scores steps.
        """
        self.weights, self.model = weights, model
        self.last = Parts([], [])
        """What was found of the last batch, for the trainer to shape its advantages by."""

    def __call__(
        self,
        prompts: Sequence[list[Message]],
        completions: Sequence[list[Message]],
        human_strategy: Sequence[str | None] | None = None,
        log_metric: LogMetric | None = None,
        **_: Any,
    ) -> list[float]:
        """The reward of each completion; its parts, and how varied the replies are, go to `log_metric`."""
        texts = [completion[-1]["content"] for completion in completions]
        traces = [trace if isinstance(trace := parse_trace(text), Trace) else None for text in texts]
        replies = [trace.reply if trace else _reply_of(text) for trace, text in zip(traces, texts, strict=True)]
        self.last = Parts(self._scores(prompts, traces), _alone(prompts, replies))
        if log_metric is not None:
            _log(self.last, traces, replies, human_strategy, log_metric)
        return self.last.rewards(self.weights)

    def _scores(
        self, prompts: Sequence[list[Message]], traces: Sequence[Trace | None]
    ) -> list[tuple[float, ...] | None]:
        """The scores of each trace."""
        scores: list[tuple[float, ...] | None] = [None] * len(traces)
        places = [place for place, trace in enumerate(traces) if trace is not None]
        found = self.model.score([(prompts[at], step_texts(one)) for at in places if (one := traces[at])])
        for place, said in zip(places, found, strict=True):
            scores[place] = said
        return scores


def _alone(prompts: Sequence[list[Message]], replies: Sequence[str]) -> list[float]:
    """The redundancy weight of each reply in its group: the replies to one prompt, which stand together."""
    weights: list[float] = []
    for _, places in groupby(range(len(prompts)), key=lambda at: prompts[at]):
        group = list(places)
        before = list(said_before(prompts[group[0]]))
        weights += redundancy_weights([replies[at] for at in group], before)
    return weights


def said_before(prompt: Sequence[Message]) -> Iterator[str]:
    """What the supporter said so far, in a prompt of chat turns or with a transcript."""
    for message in prompt:
        if message["role"] == "assistant":
            yield message["content"]
        elif message["role"] == "user":
            lines = message["content"].split("\n")
            yield from (line.removeprefix(_SUPPORTER) for line in lines if line.startswith(_SUPPORTER))


def _reply_of(text: str) -> str:
    """The reply in a text that is not a whole trace; all of the text where there is none."""
    return find_steps(text).get(Step.REPLY, text)


def _log(
    parts: Parts,
    traces: Sequence[Trace | None],
    replies: Sequence[str],
    human_strategy: Sequence[str | None] | None,
    log_metric: LogMetric,
) -> None:
    for name, value in parts.logged().items():
        log_metric(name, value)
    if human_strategy is not None:
        pairs = [(one, Strategy(human)) for one, human in zip(traces, human_strategy, strict=True) if human]
        right = [one is not None and one.strategy.strategy is human for one, human in pairs]
        if right:
            log_metric("strategy_accuracy", sum(right) / len(right))
    words = [tokens(reply) for reply in replies]
    for order in (1, 2):
        grams = [gram for said in words for gram in ngrams(said, order)]
        if grams:
            log_metric(f"distinct_{order}", len(set(grams)) / len(grams))
    spoken = [reply for reply in replies if reply.strip()][:_MOST_COMPARED]
    if len(spoken) > 1:
        log_metric("self_bleu", sum(self_bleu(spoken)) / len(spoken))
