"""Rows are cut from the left to a length: the answer never, the dialogue by whole turns and no more than needed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasets")

from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from support.releases import change_rows, copy_release, refresh_hashes

from ipm_prefdial.prompts.context import chat, transcript
from ipm_prefdial.recipes.data.fit import (
    count_steps,
    count_turns,
    draw_rows,
    drop_oldest,
    fit_rows,
    load_rows,
    shorten,
)
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Speaker, Split, Turn
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.inference import Message
from ipm_prefdial.schemas.strategy import Strategy

Row = dict[str, Any]

words = st.integers(1, 6).map(lambda count: " ".join(["word"] * count))


def _chat(turns: list[str]) -> list[Message]:
    roles = ["user", "assistant"] * len(turns)
    odd = turns if len(turns) % 2 else turns[:-1]
    return [{"role": role, "content": text} for role, text in zip(roles, odd, strict=False)]  # type: ignore[misc]


def _transcript(turns: list[str]) -> list[Message]:
    return [{"role": "user", "content": "\n".join(f"seeker: {turn}" for turn in turns)}]


prompts = st.builds(
    lambda system, dialogue: [{"role": "system", "content": system}, *dialogue],
    words,
    st.lists(words, min_size=1, max_size=9).flatmap(lambda turns: st.sampled_from([_chat(turns), _transcript(turns)])),
)
answers = words.map(lambda text: [{"role": "assistant", "content": text}])
pairs = st.lists(st.fixed_dictionaries({"prompt": prompts, "chosen": answers, "rejected": answers}), min_size=1)


def count_words(conversations: Sequence[list[Message]]) -> list[int]:
    """Stands for a tokenizer: a token a word, and one a message."""
    return [sum(len(message["content"].split()) + 1 for message in messages) for messages in conversations]


def _length(prompt: list[Message], row: Row) -> int:
    return max(count_words([[*prompt, *row[side]] for side in ("chosen", "rejected")]))


@settings(max_examples=40)
@given(pairs, st.integers(4, 60))
def test_rows_fit_and_nothing_is_lost_but_old_turns(rows: list[Row], max_length: int) -> None:
    fitted, counts = fit_rows(Dataset.from_list(rows), ("chosen", "rejected"), count_words, max_length)
    kept = [row for row in rows if _length(drop_oldest(row["prompt"], count_steps(row["prompt"])), row) <= max_length]
    assert (counts.read, counts.used, counts.dropped) == (len(rows), len(kept), len(rows) - len(kept))
    cut = 0
    for row, found in zip(kept, fitted.to_list() if kept else [], strict=True):
        assert (found["chosen"], found["rejected"]) == (row["chosen"], row["rejected"])
        assert found["length"] == _length(found["prompt"], row) <= max_length
        steps = [drop_oldest(row["prompt"], step) for step in range(count_steps(row["prompt"]) + 1)]
        least = next(step for step, short in enumerate(steps) if _length(short, row) <= max_length)
        assert found["prompt"] == steps[least]
        cut += bool(least)
    assert counts.cut == cut
    assert bool(counts.turns_cut) == bool(cut)


def test_without_a_length_every_row_stays_as_it_is() -> None:
    rows = [{"prompt": _chat(["a b c"]), "completion": [{"role": "assistant", "content": "d"}]}]
    fitted, counts = fit_rows(Dataset.from_list(rows), ("completion",), count_words, None)
    assert fitted.to_list() == [{**rows[0], "length": 6}]
    assert (counts.used, counts.cut, counts.dropped) == (1, 0, 0)


def test_rows_are_drawn_by_the_seed() -> None:
    rows = Dataset.from_dict({"place": list(range(50))})
    drawn = [draw_rows(rows, 10, seed)["place"][:] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 10
    assert draw_rows(rows, None, 1)["place"][:] == draw_rows(rows, 50, 1)["place"][:] == list(range(50))


def test_processes_share_the_work() -> None:
    rows = Dataset.from_list(
        [{"prompt": _chat(["word " * place] * 5), "completion": _chat(["yes"])} for place in range(1, 9)]
    )
    alone, together = (fit_rows(rows, ("completion",), count_words, 20, processes) for processes in (None, 2))
    assert alone[0].to_list() == together[0].to_list()
    assert alone[1] == together[1]
    assert alone[1].cut > 0


def test_rows_of_a_release_come_whole_and_in_order() -> None:
    from support.releases import read_rows, shared_release

    release = shared_release()
    opened = open_release(str(release.root), None, Config.RESPONSE)
    rows = load_rows(opened, Config.RESPONSE, Split.TRAIN, ("chosen", "rejected"))
    due = read_rows(release, "data/response/train-00000-of-00001.parquet")
    assert rows.column_names == ["prompt", "chosen", "rejected"]
    assert rows.to_list() == [{name: row[name] for name in rows.column_names} for row in due]


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VALIDATION])
def test_split_with_no_rows_is_told(split: Split, tmp_path: Path) -> None:
    root = tmp_path / "release"
    release = copy_release(root)
    change_rows(release, f"data/strategy/{split}-00000-of-00001.parquet", list.clear)
    refresh_hashes(release.root)
    opened = open_release(str(root), None, Config.STRATEGY)
    with pytest.raises(DataError, match=f"config strategy has no rows in split {split}"):
        load_rows(opened, Config.STRATEGY, split, ("chosen", "rejected"))


SYSTEM: Message = {"role": "system", "content": "seeker: this line is no turn, it is the system's"}


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


def test_a_prompt_that_just_fits_loses_only_what_it_must() -> None:
    prompt = _chat([f"turn {number}" for number in range(7)])
    (whole,) = count_words([prompt])
    assert shorten(prompt, lambda some: count_words([some])[0], whole) == prompt
    assert shorten(prompt, lambda some: count_words([some])[0], whole - 1) == prompt[2:]
