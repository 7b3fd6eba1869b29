"""Refusals are told from a supporter's words; the sentences were written before the rule, the unseen ones after it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure_corpus import all_dialogues

from ipm_prefdial.builders.mining.reply_rules import marker_in, prompt_echo, refusal_in
from ipm_prefdial.schemas.dialogue import Speaker

_FOLDER = Path(__file__).parents[2] / "safety"


def _sentences(name: str) -> list[tuple[str, bool]]:
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [(one["text"], one["refusal"] is not None) for one in map(json.loads, lines)]


def _shares(sentences: list[tuple[str, bool]]) -> tuple[float, float]:
    """Recall and precision."""
    hit = [refused for text, refused in sentences if refusal_in(text)]
    return sum(hit) / sum(refused for _, refused in sentences), sum(hit) / len(hit)


def test_the_sets_are_large_enough_to_say_something() -> None:
    refused = [refused for _, refused in _sentences("refusals.jsonl")]
    assert sum(refused) >= 60 and len(refused) - sum(refused) >= 60


def test_refusals_are_found_and_supporters_spared() -> None:
    assert _shares(_sentences("refusals.jsonl")) == (1.0, 1.0)
    recall, precision = _shares(_sentences("refusals_unseen.jsonl"))
    assert recall >= 0.8 and precision == 1.0


@pytest.mark.parametrize("end", ["", " What else happened?", "\n\nYou must feel so alone with it."])
def test_a_refusal_counts_as_the_whole_reply_alone(end: str) -> None:
    assert (refusal_in(f"I can't provide therapy. Please contact a professional.{end}") is None) is bool(end)
    assert refusal_in(f"As an AI language model, I have no sister.{end}") == "machine talk"


def test_no_human_turn_of_the_real_corpora_is_a_refusal_or_begins_with_a_marker(real_data: Path) -> None:
    turns = [turn for dialogue in all_dialogues() for turn in dialogue.turns if turn.speaker is Speaker.SUPPORTER]
    assert len(turns) > 9_000
    assert sum(refusal_in(turn.text) is not None for turn in turns) == 0
    assert sum(marker_in(turn.text) is not None for turn in turns) == 0


@given(st.text() | st.lists(st.sampled_from(["i'm sorry", ", but ", "i can't ", "help ", "with that", ". ", "as an "])))
def test_any_text_is_looked_at(text: str | list[str]) -> None:
    assert refusal_in("".join(text) * 50) in (None, "declined", "machine talk")


@pytest.mark.parametrize(
    "marker",
    ["<reasoning>", "</thought>", "<scratchpad id=1>", "[THOUGHT]", "[/ANALYSIS]", "[thinking]", "<|channel|>",
     "<｜begin｜>", "◁think▷", "Thought:", "**Reasoning:**", "Final answer:", "### Response\n", "```text\n", "Answer:",
     "【REASONING】", "Assistant's reply:", "Step 1:", "inner monologue:"],
)  # fmt: skip
def test_a_marker_at_the_start_is_found(marker: str) -> None:
    found = marker_in(f"  {marker} She sounds sad. I hear you.")
    assert found is not None and len(found) <= 40


@pytest.mark.parametrize(
    "reply",
    ["[laughs] I hear you.", "[Smiles warmly] Hello.", "[Question] Where?", "<3 that is lovely", "< 5 minutes?",
     "I thought: why not?", "My thoughts are with you.", "Response times are slow, I know.", "", "Well: it hurts.",
     "Answering that is hard.", "[he] left you", "*hugs* I am here.",
     "Step by step you will get there.", "(sighs) Oh."],
)  # fmt: skip
def test_ordinary_words_are_no_marker(reply: str) -> None:
    assert marker_in(reply) is None


def test_a_reply_echoes_its_prompt_from_eight_words_in_a_row_on() -> None:
    instructions = "Answer as a warm supporter would answer, and ask about the kiln."
    assert prompt_echo("a warm supporter would answer and ask about", instructions) == "8 words of the instructions"
    assert prompt_echo("warm supporter would answer and ask about", instructions) is None
