"""What each released step does; `schemas.steps` says what it is for, why it drops a pair and when it runs.

An id is never re-pointed: a better step is a new line with a new number, here and there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...schemas.base import digest_of
from ...schemas.drops import DropReason
from ...schemas.errors import StepError, UsageError
from ...schemas.inference import Outcome, Request
from ...schemas.spec import BuildSpec
from ...schemas.steps import STEPS as DEFINITIONS
from ...schemas.steps import Stage
from ...schemas.text import words_of
from .candidate import Candidate, Result
from .checks import (
    check_answered,
    check_known_marker,
    check_no_personal_data,
    check_no_refusal,
    check_plain_reply,
    check_reply_bounded,
    check_reply_differs,
    check_strategy_differs,
    check_strategy_named,
    check_three_errors,
)
from .closeness import keep_hardest
from .panel import (
    check_majority,
    check_majority_of_replies,
    panel_requests,
    rewritten_requests,
    settle_panel,
    settle_sides,
    side_requests,
)
from .plan import MiningPlan
from .rewriting import rewriting_requests, settle_rewriting
from .trace_rules import check_rules
from .turns import SupporterTurn, crowd_chatter, nothing_to_support, turn_too_long


@dataclass(frozen=True)
class HumanCheck:
    """Looks at the human's turn alone; where it finds something, no model is asked about the turn."""

    find: Callable[[SupporterTurn], str | None]
    """What exactly is found, or None."""
    reason: DropReason
    of_demonstrations: bool = True
    """Whether such a turn is not a demonstration either."""


@dataclass(frozen=True)
class Check:
    """Looks at one candidate by itself."""

    apply: Callable[[Candidate, MiningPlan], Result]


@dataclass(frozen=True)
class Judging:
    """Asks the judge about one candidate, and makes of the answers what it will."""

    requests: Callable[[Candidate, MiningPlan], tuple[Request, ...]]
    settle: Callable[[Candidate, MiningPlan, tuple[Request, ...], tuple[Outcome, ...]], Result]


@dataclass(frozen=True)
class Choice:
    """Chooses among the candidates of one turn."""

    apply: Callable[[Sequence[Result], MiningPlan], list[Result]]


@dataclass(frozen=True)
class Unique:
    """Keeps the first candidate of each key, in source order; stands last, since it sees the whole stream."""

    key: Callable[[Candidate], str]


class CorpusStep(StrEnum):
    """Looks at all pairs that are left when every turn was mined; see `holding`."""

    NEAR_DUPLICATES = "near_duplicates"
    """Drops pairs that nearly repeat another."""
    BALANCE = "balance"
    """Drops pairs of strategies that the filter favours."""


TurnStep = HumanCheck | Check | Judging | Choice
"""A step over what is known of one turn."""

Step = TurnStep | Unique | CorpusStep


@dataclass(frozen=True)
class Steps:
    """The steps of a release, by what they look at."""

    of_turns: tuple[TurnStep, ...]
    """In order."""
    unique: Unique | None = None
    whole: tuple[CorpusStep, ...] = ()
    """In order, after everything else."""


def pair_key(candidate: Candidate) -> str:
    """What makes two pairs the same pair: their prompt, and the words of both sides."""
    assert candidate.request is not None, "only inferred candidates are paired"
    inferred = candidate.reply if candidate.reply is not None else str(candidate.strategy)
    return digest_of(
        [
            candidate.config,
            candidate.request.messages,
            candidate.turn.strategy,
            words_of(candidate.chosen) if candidate.reply is not None else "",
            candidate.strategy,
            words_of(inferred),
        ]
    )


STEPS: dict[str, Step] = {
    "answered@1": Check(check_answered),
    "strategy_named@1": Check(check_strategy_named),
    "strategy_differs@1": Check(check_strategy_differs),
    "plain_reply@1": Check(check_plain_reply),
    "reply_differs@1": Check(check_reply_differs),
    "judge_each_side@1": Judging(side_requests, settle_sides),
    "three_errors@1": Check(check_three_errors),
    "no_duplicate_pair@1": Unique(pair_key),
    "no_crowd_chatter@1": HumanCheck(crowd_chatter, DropReason.CROWD_CHATTER),
    "something_to_support@1": HumanCheck(nothing_to_support, DropReason.NOTHING_TO_SUPPORT, of_demonstrations=False),
    "no_personal_data@1": Check(check_no_personal_data),
    "compare_sides@1": Judging(panel_requests, settle_panel),
    "rewrite_chosen@1": Judging(rewriting_requests, settle_rewriting),
    "compare_rewritten@1": Judging(rewritten_requests, settle_panel),
    "majority@1": Check(check_majority),
    "hardest@1": Choice(keep_hardest),
    "no_near_duplicate_pair@1": CorpusStep.NEAR_DUPLICATES,
    "balance_strategies@1": CorpusStep.BALANCE,
    "bounded_turns@1": HumanCheck(turn_too_long, DropReason.TOO_LONG),
    "bounded_reply@1": Check(check_reply_bounded),
    "no_personal_data@2": Check(check_no_personal_data),
    "known_marker@1": Check(check_known_marker),
    "no_refusal@1": Check(check_no_refusal),
    "majority@2": Check(check_majority_of_replies),
}


def steps_of(spec: BuildSpec) -> Steps:
    """The steps of a spec.

    Raises:
        UsageError: as `find_steps` and `check_rules`, or the spec lacks what a step needs, or does not use what it
            states.
    """
    steps = find_steps(spec.steps)
    check_rules(spec.reasoning.rules if spec.reasoning else ())
    if broken := next((need for need, met in _needs(spec, steps) if not met), None):
        raise UsageError(f"spec {spec.version}: {broken}")
    return steps


def _needs(spec: BuildSpec, steps: Steps) -> Iterator[tuple[str, bool]]:
    """What steps and fields need of each other, and whether it is so."""
    compares = "compare_sides@1" in spec.steps
    near = CorpusStep.NEAR_DUPLICATES in steps.whole
    for step in spec.steps:
        yield f"{step} needs a layout from {DEFINITIONS[step].layout}", spec.layout >= DEFINITIONS[step].layout
    holds_out = spec.safety.crisis == "hold_out"
    yield "layouts from 2 and the step compare_sides@1 need each other", (spec.layout > 1) == compares
    yield "compare_sides@1 needs strategy_judge", not compares or spec.strategy_judge is not None
    yield (
        "no_near_duplicate_pair@1 and near_duplicate_pairs need each other",
        near == (spec.near_duplicate_pairs is not None),
    )
    yield (
        "balance_strategies@1 and balance need each other",
        (CorpusStep.BALANCE in steps.whole) == (spec.balance is not None),
    )
    yield (
        "rewrite_chosen@1 and rewriter need each other",
        ("rewrite_chosen@1" in spec.steps) == (spec.rewriter is not None),
    )
    majority = "majority@2" if "majority@2" in spec.steps else "majority@1"
    if compares:
        yield f"{majority} has to follow compare_sides@1", _follow(spec.steps, "compare_sides@1", majority)
        yield "majority@1 and majority@2 do not go together", not {"majority@1", "majority@2"} <= set(spec.steps)
    if "rewrite_chosen@1" in spec.steps:
        order = ("compare_sides@1", "rewrite_chosen@1", "compare_rewritten@1", majority)
        yield (
            f"compare_sides@1, rewrite_chosen@1, compare_rewritten@1, {majority} have to come in this order",
            _follow(spec.steps, *order),
        )
    yield "crisis_judge needs safety.crisis to be hold_out", holds_out or spec.crisis_judge is None
    barring = holds_out or spec.drop_repeated_dialogues or spec.overlap_words is not None
    yield "only layouts from 2 can hold dialogues out or drop them", spec.layout > 1 or not barring
    for rules in (1, 2):
        yield (
            f"no_personal_data@{rules} needs safety.personal_data_rules to be {rules}",
            f"no_personal_data@{rules}" not in spec.steps or spec.safety.personal_data_rules == rules,
        )
    traces = (spec.reasoning, spec.reasoner, spec.step_judge)
    yield (
        "layouts from 3, reasoning, reasoner and step_judge need each other",
        {spec.layout >= 3} == {bool(one) for one in traces},
    )
    yield (
        "stylist and style_judge need each other, and reasoning",
        bool(spec.stylist) == bool(spec.style_judge) and (spec.stylist is None or spec.reasoning is not None),
    )


def _follow(ids: Sequence[str], *wanted: str) -> bool:
    """Whether all of `wanted` are there, in this order."""
    found = [one for one in ids if one in wanted]
    return found == list(wanted)


def find_steps(ids: tuple[str, ...]) -> Steps:
    """The steps with these ids.

    Raises:
        UsageError: an unknown id, or a step over the whole stream before one over single turns.
    """
    if STEPS.keys() != DEFINITIONS.keys():
        alone = ", ".join(sorted(STEPS.keys() ^ DEFINITIONS.keys()))
        raise UsageError(
            f"step {alone} stands in only one of schemas/steps.py and builders/mining/steps.py; add the other"
        )
    if unknown := [one for one in ids if one not in STEPS]:
        raise UsageError(f"there is no step {unknown[0]}; the released ones are {', '.join(STEPS)}")
    steps = [STEPS[one] for one in ids]
    stages = [DEFINITIONS[one].stage for one in ids]
    if stages != sorted(stages) or stages.count(Stage.STREAM) > 1:
        raise UsageError(
            "a step that looks for duplicates is the last over single turns, and steps over all pairs follow it"
        )
    unique = [step for step in steps if isinstance(step, Unique)]
    return Steps(
        of_turns=tuple(step for step in steps if not isinstance(step, Unique | CorpusStep)),
        unique=unique[0] if unique else None,
        whole=tuple(step for step in steps if isinstance(step, CorpusStep)),
    )


def step_error(step: Step | str, turn: SupporterTurn, error: Exception) -> StepError:
    """The error for a bug in a step: it names the step, the dialogue and the turn, and quotes the exception."""
    name = step if isinstance(step, str) else next(one for one, known in STEPS.items() if known is step)
    place = f"dialogue {turn.dialogue.dialogue_id}, turn {turn.index}"
    return StepError(
        f"step {name} failed at {place}: {type(error).__name__}: {error}; this is a bug in the step, and every answer "
        "so far is kept: mend the step and repeat the command"
    )
