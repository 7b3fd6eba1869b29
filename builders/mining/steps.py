"""Implements the steps that `schemas.steps` defines, and checks that a spec and its steps fit together.

A new step is a definition there and an entry of `IMPLEMENTATIONS` here; both are looked up when a spec is loaded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from ...schemas import steps as defined
from ...schemas.base import digest_of
from ...schemas.drops import DropReason
from ...schemas.errors import UsageError
from ...schemas.inference import Outcome, Request
from ...schemas.spec import BuildSpec
from ...schemas.steps import Stage, StepDefinition, find_step
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
from .panel import (
    check_majority,
    check_majority_of_replies,
    panel_requests,
    rewriting_requests,
    rewritten_requests,
    settle_panel,
    settle_rewriting,
    settle_sides,
    side_requests,
)
from .plan import MiningPlan
from .reply_rules import keep_hardest
from .trace_rules import check_rules
from .turns import SupporterTurn, crowd_chatter, nothing_to_support, turn_too_long


@dataclass(frozen=True)
class HumanCheck:
    """Looks at the human's turn alone; where it finds something, no model is asked about the turn."""

    definition: StepDefinition
    find: Callable[[SupporterTurn], str | None]
    """The details of the finding, or None."""
    of_demonstrations: bool
    """Whether such a turn is not a demonstration either."""

    @property
    def reason(self) -> DropReason:
        (reason,) = self.definition.drops
        return reason


@dataclass(frozen=True)
class Check:
    """Looks at one candidate by itself."""

    definition: StepDefinition
    apply: Callable[[Candidate, MiningPlan], Result]


@dataclass(frozen=True)
class Judging:
    """Asks the judge about one candidate, and settles it by the answers."""

    definition: StepDefinition
    requests: Callable[[Candidate, MiningPlan], tuple[Request, ...]]
    settle: Callable[[Candidate, MiningPlan, tuple[Request, ...], tuple[Outcome, ...]], Result]


@dataclass(frozen=True)
class Choice:
    """Chooses among the candidates of one turn."""

    definition: StepDefinition
    apply: Callable[[Sequence[Result], MiningPlan], list[Result]]


@dataclass(frozen=True)
class Unique:
    """Keeps the first candidate of each key, in source order."""

    definition: StepDefinition
    key: Callable[[Candidate], str]


class CorpusStep(StrEnum):
    """A step over all pairs; `building.corpus_filters` implements it, since it needs the rows on disk."""

    NEAR_DUPLICATES = defined.NO_NEAR_DUPLICATE_PAIR.id
    BALANCE = defined.BALANCE_STRATEGIES.id

    @property
    def definition(self) -> StepDefinition:
        return find_step(self.value)


TurnStep = HumanCheck | Check | Judging | Choice
"""A step of the stage `TURN`."""

Step = TurnStep | Unique | CorpusStep


@dataclass(frozen=True)
class Steps:
    """The steps of a release by stage, each stage in the order of the spec."""

    of_turns: tuple[TurnStep, ...]
    unique: Unique | None = None
    whole: tuple[CorpusStep, ...] = ()


def pair_key(candidate: Candidate) -> str:
    """The identity of a pair: its prompt, and the words of both sides."""
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


_IMPLEMENTED: tuple[Step, ...] = (
    Check(defined.ANSWERED, check_answered),
    Check(defined.STRATEGY_NAMED, check_strategy_named),
    Check(defined.STRATEGY_DIFFERS, check_strategy_differs),
    Check(defined.PLAIN_REPLY, check_plain_reply),
    Check(defined.REPLY_DIFFERS, check_reply_differs),
    Judging(defined.JUDGE_EACH_SIDE, side_requests, settle_sides),
    Check(defined.THREE_ERRORS, check_three_errors),
    Unique(defined.NO_DUPLICATE_PAIR, pair_key),
    HumanCheck(defined.NO_CROWD_CHATTER, crowd_chatter, of_demonstrations=True),
    HumanCheck(defined.SOMETHING_TO_SUPPORT, nothing_to_support, of_demonstrations=False),
    Check(defined.NO_PERSONAL_DATA_1, check_no_personal_data),
    Judging(defined.COMPARE_SIDES, panel_requests, settle_panel),
    Judging(defined.REWRITE_CHOSEN, rewriting_requests, settle_rewriting),
    Judging(defined.COMPARE_REWRITTEN, rewritten_requests, settle_panel),
    Check(defined.MAJORITY_1, check_majority),
    Choice(defined.HARDEST, keep_hardest),
    *CorpusStep,
    HumanCheck(defined.BOUNDED_TURNS, turn_too_long, of_demonstrations=True),
    Check(defined.BOUNDED_REPLY, check_reply_bounded),
    Check(defined.NO_PERSONAL_DATA_2, check_no_personal_data),
    Check(defined.KNOWN_MARKER, check_known_marker),
    Check(defined.NO_REFUSAL, check_no_refusal),
    Check(defined.MAJORITY_2, check_majority_of_replies),
)

IMPLEMENTATIONS: Mapping[str, Step] = {step.definition.id: step for step in _IMPLEMENTED}


def steps_of(spec: BuildSpec) -> Steps:
    """The steps of a spec, each known to have a definition, an implementation and all that it needs.

    Raises:
        UsageError: as `find_steps` and `check_rules`, or the spec lacks what a step needs, or does not use what it
            states.
    """
    steps = find_steps(spec.steps)
    check_rules(spec.reasoning.rules if spec.reasoning else ())
    needs = chain(_layout_needs(spec), _panel_needs(spec), _field_needs(spec), _trace_needs(spec))
    if broken := next((need for need, met in needs if not met), None):
        raise UsageError(f"spec {spec.version}: {broken}")
    return steps


Needs = Iterator[tuple[str, bool]]
"""Requirements between steps and fields as text, each with a check of the spec."""


def _layout_needs(spec: BuildSpec) -> Needs:
    for step in map(find_step, spec.steps):
        yield f"{step.id} needs a layout from {step.layout_from}", spec.layout >= step.layout_from
    compares = spec.has_step(defined.COMPARE_SIDES)
    yield "layouts from 2 and the step compare_sides@1 need each other", (spec.layout > 1) == compares
    bars = spec.safety.crisis == "hold_out" or spec.drop_repeated_dialogues or spec.overlap_words is not None
    yield "only layouts from 2 can hold dialogues out or drop them", spec.layout > 1 or not bars


def _panel_needs(spec: BuildSpec) -> Needs:
    ids = [step.id for step in (defined.COMPARE_SIDES, defined.REWRITE_CHOSEN, defined.COMPARE_REWRITTEN)]
    rewrites = spec.has_step(defined.REWRITE_CHOSEN)
    yield "rewrite_chosen@1 and rewriter need each other", rewrites == (spec.rewriter is not None)
    if not spec.has_step(defined.COMPARE_SIDES):
        return
    yield "compare_sides@1 needs strategy_judge", spec.strategy_judge is not None
    both = spec.has_step(defined.MAJORITY_1) and spec.has_step(defined.MAJORITY_2)
    yield "majority@1 and majority@2 do not go together", not both
    majority = (defined.MAJORITY_2 if spec.has_step(defined.MAJORITY_2) else defined.MAJORITY_1).id
    order = [*ids, majority] if rewrites else [ids[0], majority]
    yield f"{', '.join(order)} have to come in this order", [one for one in spec.steps if one in order] == order


def _field_needs(spec: BuildSpec) -> Needs:
    near, balances = spec.has_step(defined.NO_NEAR_DUPLICATE_PAIR), spec.has_step(defined.BALANCE_STRATEGIES)
    yield (
        "no_near_duplicate_pair@1 and near_duplicate_pairs need each other",
        near == (spec.near_duplicate_pairs is not None),
    )
    yield "balance_strategies@1 and balance need each other", balances == (spec.balance is not None)
    yield (
        "crisis_judge needs safety.crisis to be hold_out",
        spec.crisis_judge is None or spec.safety.crisis == "hold_out",
    )
    for rules, step in ((1, defined.NO_PERSONAL_DATA_1), (2, defined.NO_PERSONAL_DATA_2)):
        yield (
            f"{step.id} needs safety.personal_data_rules to be {rules}",
            not spec.has_step(step) or spec.safety.personal_data_rules == rules,
        )


def _trace_needs(spec: BuildSpec) -> Needs:
    traces = (spec.reasoning, spec.reasoner, spec.step_judge)
    yield (
        "layouts from 3, reasoning, reasoner and step_judge need each other",
        {spec.layout >= 3} == {bool(one) for one in traces},
    )
    yield (
        "stylist and style_judge need each other, and reasoning",
        bool(spec.stylist) == bool(spec.style_judge) and (spec.stylist is None or spec.reasoning is not None),
    )


def find_steps(ids: Sequence[str]) -> Steps:
    """The steps with these ids.

    Raises:
        UsageError: an id without a definition or an implementation, or a step before one of an earlier stage.
    """
    stages = [find_step(one).stage for one in ids]
    if missing := [one for one in ids if one not in IMPLEMENTATIONS]:
        raise UsageError(f"step {missing[0]} is defined, but builders/mining/steps.py has no implementation of it")
    if stages != sorted(stages) or stages.count(Stage.STREAM) > 1:
        raise UsageError(
            "a step that looks for duplicates is the last over single turns, and steps over all pairs follow it"
        )
    steps = [IMPLEMENTATIONS[one] for one in ids]
    unique = [step for step in steps if isinstance(step, Unique)]
    return Steps(
        of_turns=tuple(step for step in steps if not isinstance(step, Unique | CorpusStep)),
        unique=unique[0] if unique else None,
        whole=tuple(step for step in steps if isinstance(step, CorpusStep)),
    )
