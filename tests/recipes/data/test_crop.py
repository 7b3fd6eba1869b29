"""A prompt loses its oldest turns, whole and in order; the system prompt and the last turn stay."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.context import chat, transcript
from ipm_prefdial.recipes.data.fit import count_steps, count_turns, drop_oldest
from ipm_prefdial.schemas.dialogue import Speaker, Turn
from ipm_prefdial.schemas.inference import Message
from ipm_prefdial.schemas.strategy import Strategy

SYSTEM: Message = {"role": "system", "content": "seeker: this line is not a turn, it is the system's"}


def _turn(speaker: Speaker, text: str) -> Turn:
    return Turn(speaker=speaker, text=text, strategy=Strategy.OTHERS if speaker is Speaker.SUPPORTER else None)


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(lambda text: text.strip())
histories = st.lists(st.builds(_turn, st.sampled_from(Speaker), texts), max_size=12)


@given(histories)
def test_transcript_keeps_its_last_lines_in_order(history: list[Turn]) -> None:
    lines = transcript(history).split("\n")
    prompt: list[Message] = [SYSTEM, {"role": "user", "content": "\n".join(lines)}]
    for steps in range(count_steps(prompt) + 1):
        assert drop_oldest(prompt, steps) == [SYSTEM, {"role": "user", "content": "\n".join(lines[steps:])}]
    assert count_steps(prompt) == max(0, len(history) - 1)


@given(histories, st.booleans())
def test_chat_keeps_whole_messages_from_a_seekers_on(history: list[Turn], with_strategies: bool) -> None:
    dialogue = chat(history, with_strategies=with_strategies)
    prompt = [SYSTEM, *dialogue]
    if len(dialogue) == 1:
        return  # one seeker's message: what is in it decides whether it counts as a transcript
    seen = set()
    for steps in range(count_steps(prompt) + 1):
        short = drop_oldest(prompt, steps)
        assert short[0] == SYSTEM
        assert short[1:] == dialogue[len(dialogue) - len(short) + 1 :]
        assert short[1]["role"] == "user"
        assert short[-1] == dialogue[-1]
        seen.add(len(short))
    assert min(seen) == 2, "nothing but the last turn can be left"
    assert len(seen) == count_steps(prompt) + 1, "every step drops something"


@given(histories, st.booleans())
def test_turns_are_counted_as_they_are_dropped(history: list[Turn], as_chat: bool) -> None:
    if as_chat:
        prompt = [SYSTEM, *chat(history, with_strategies=False)]
    else:
        prompt = [SYSTEM, {"role": "user", "content": transcript(history)}]
    counts = [count_turns(drop_oldest(prompt, steps)) for steps in range(count_steps(prompt) + 1)]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(counts)


def test_prompt_is_left_as_it_was() -> None:
    prompt: list[Message] = [SYSTEM, {"role": "user", "content": "seeker: a\nsupporter: b\nseeker: c"}]
    before = [dict(message) for message in prompt]
    drop_oldest(prompt, 2)
    assert prompt == before


def test_instructions_around_a_transcript_stay() -> None:
    prompt: list[Message] = [{"role": "user", "content": "So far:\nseeker: a\nsupporter: b\n\nName the strategy."}]
    assert drop_oldest(prompt, 1)[0]["content"] == "So far:\nsupporter: b\n\nName the strategy."
    assert count_steps(prompt) == 1


@pytest.mark.parametrize("steps", [-1, 2])
def test_more_than_there_is_cannot_be_dropped(steps: int) -> None:
    prompt: list[Message] = [SYSTEM, {"role": "user", "content": "seeker: a\nsupporter: b"}]
    with pytest.raises(ValueError, match=re.escape("a prompt of 1 steps")):
        drop_oldest(prompt, steps)


@pytest.mark.parametrize("prompt", [[], [SYSTEM]])
def test_prompt_without_a_dialogue_has_nothing_to_drop(prompt: list[Message]) -> None:
    assert count_steps(prompt) == count_turns(prompt) == 0
    assert drop_oldest(prompt, 0) == prompt
