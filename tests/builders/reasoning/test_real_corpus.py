"""The embedded reasoner over real dialogues: what it says is read back, and no rule contradicts it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.dialogues import spoken
from support.sources import opened

from ipm_prefdial.builders.mining.trace_rules import RULES, contradictions
from ipm_prefdial.builders.mining.turns import PlacedDialogue, SupporterTurn, supporter_turns
from ipm_prefdial.builders.models.baseline._reasoner import feelings, reason
from ipm_prefdial.builders.models.baseline.models import BaselineModels, fit_baseline
from ipm_prefdial.prompts.parsers.trace import format_trace, parse_trace, read_trace
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.inference import Ask, Request, Sampling, Task
from ipm_prefdial.schemas.trace import Trace


@pytest.fixture
def dialogues(real_data: Path) -> list[Dialogue]:
    """Forty real dialogues."""
    return [one for one in opened(real_data / "ESConv_part.json") if isinstance(one, Dialogue)][:40]


@pytest.fixture
def models(dialogues: list[Dialogue]) -> BaselineModels:
    """The embedded models, as the first thirty teach them."""
    return fit_baseline(dialogues[:30])


def _turns(dialogue: Dialogue) -> list[SupporterTurn]:
    found = supporter_turns(PlacedDialogue(dialogue, 0, Split.TRAIN))
    return [turn for turn in found if turn.answers_seeker]


def test_traces_of_real_dialogues_are_whole_and_keep_to_what_was_said(
    dialogues: list[Dialogue], models: BaselineModels
) -> None:
    wrong: Counter[str] = Counter()
    turns = [turn for dialogue in dialogues[30:] for turn in _turns(dialogue)]
    assert len(turns) > 100
    for turn in turns:
        request = Request(
            model=models.ref,
            messages=({"role": "user", "content": str(spoken(turn.history))},),
            sampling=Sampling(temperature=0, top_p=1, max_tokens=9),
            draw=0,
            seed=0,
            ask=Ask(task=Task.REASONER, history=turn.history),
        )
        trace = read_trace(reason(models, request, np.random.default_rng(0)))
        assert isinstance(trace, Trace)
        assert parse_trace(format_trace(trace)) == trace
        wrong.update(contradictions(trace, turn.history, tuple(RULES)).values())
    assert wrong.total() < 0.05 * len(turns)


def test_the_lexicon_finds_a_feeling_in_most_real_dialogues(dialogues: list[Dialogue]) -> None:
    felt = [bool(feelings(dialogue.turns)) for dialogue in dialogues]
    assert sum(felt) > 0.8 * len(felt)
