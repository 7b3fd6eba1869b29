"""Screens a whole dialogue before any of its turns is mined.

Signs of a crisis come first, because such a dialogue must reach no other table. The written rules read every seeker
turn and the situation; where the release has a crisis judge, every judge that is a model reads the whole dialogue. One
sign is enough. Where there is no sign but the answer of a judge cannot be read, absence is not proven: the dialogue is
held out too, as `crisis_unread` from layout 4 on; earlier layouts keep one name for both.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from ...prompts.readers import Offered
from ...schemas.dialogue import Dialogue, Speaker, Split
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Completion, Outcome, Request, Task
from ...schemas.rows.layout_2 import FoundCrisis
from ...schemas.safety import CrisisFinding
from ...schemas.verdict import CrisisVerdict
from ..safety.crisis import find_crisis
from .mine import step_errors
from .plan import MiningPlan
from .turns import PlacedDialogue

UNREAD = "a judge gave no answer that can be read"
"""The detail of a dialogue that is held out although no sign of a crisis was seen."""

Screening = Generator[tuple[Request, ...], tuple[Outcome, ...], PlacedDialogue]


def screen(placed: PlacedDialogue, plan: MiningPlan) -> Screening:
    """The dialogue with the reason that bars it, if any; one with signs of a crisis moves to the test split."""
    with step_errors("screening", placed.dialogue.dialogue_id, None):
        return (yield from _screen(placed, plan))


def _screen(placed: PlacedDialogue, plan: MiningPlan) -> Screening:
    if plan.spec.safety.crisis == "hold_out":
        findings = list(crisis_by_rule(placed.dialogue) if placed.by_rule is None else placed.by_rule)
        if requests := _requests(placed.dialogue, plan):
            outcomes = yield requests
            answers = zip(requests, outcomes, strict=True)
            findings += [found for asked in answers if (found := _read(placed.dialogue, plan, *asked)) is not None]
        if findings:
            barred = _barred(findings, plan.spec.layout)
            return replace(placed, split=Split.TEST, findings=tuple(findings), barred=barred)
    if placed.contaminated_by is not None:
        return replace(placed, barred=(DropReason.CONTAMINATED, placed.contaminated_by))
    if placed.repeats is not None and plan.spec.drop_repeated_dialogues:
        return replace(placed, barred=(DropReason.REPEATED_DIALOGUE, f"of dialogue {placed.repeats}"))
    return placed


# The reason for which a dialogue with these findings is held out, with its detail.
def _barred(findings: Sequence[FoundCrisis], layout: int) -> tuple[DropReason, str]:
    seen = next((found.category for found in findings if found.category is not None), None)
    if layout < 4:
        return DropReason.CRISIS, str(findings[0].category or UNREAD)
    return (DropReason.CRISIS_UNREAD, UNREAD) if seen is None else (DropReason.CRISIS, str(seen))


def crisis_by_rule(dialogue: Dialogue) -> Iterator[FoundCrisis]:
    """The signs that the written rules find in the seeker's turns and in the situation, in order."""
    said: list[str] = []
    for index, turn in enumerate(dialogue.turns):
        if turn.speaker is Speaker.SEEKER and (found := find_crisis(turn.text, said)) is not None:
            yield _by_rule(index, found)
        said.append(turn.text)
    if dialogue.situation and (found := find_crisis(dialogue.situation)) is not None:
        yield _by_rule(None, found)


def _by_rule(turn: int | None, found: CrisisFinding) -> FoundCrisis:
    return FoundCrisis(turn=turn, **found.model_dump(), judge=None, rationale=None, raw=None, request_key=None)


def _requests(dialogue: Dialogue, plan: MiningPlan) -> tuple[Request, ...]:
    if plan.spec.crisis_judge is None:
        return ()
    ask = Ask(task=Task.CRISIS_JUDGE, history=dialogue.turns)
    # The baseline is left out: it knows no more of a crisis than the rules on words do.
    return tuple(request for request in plan.requests(ask) if not request.model.is_baseline)


# The sign that a judge sees, or that its answer cannot be read; None where it sees none.
def _read(dialogue: Dialogue, plan: MiningPlan, request: Request, outcome: Outcome) -> FoundCrisis | None:
    raw = outcome.text if isinstance(outcome, Completion) else None
    prompt, offered = plan.prompts[request.ask.task], Offered(turns=len(dialogue.turns))
    verdict = prompt.read(CrisisVerdict, outcome, offered) if isinstance(outcome, Completion) else None
    seen: dict[str, object] = dict.fromkeys(("turn", "category", "rationale"))
    if isinstance(verdict, CrisisVerdict):
        if verdict.category is None:
            return None
        seen = verdict.model_dump()
    fixed = {"form": None, "rule": None, "said_to_be_past": False, "raw": raw, "request_key": request.key}
    return FoundCrisis.model_validate({**seen, **fixed, "judge": str(request.model)})
