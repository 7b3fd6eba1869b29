"""Rows are cut from the left to a length: the answer never, the dialogue no more than it must be, all of it counted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasets")

from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from support.releases import change_rows, copy_release, refresh_hashes

from ipm_prefdial.recipes.data.fit import count_steps, draw_rows, drop_oldest, fit_rows, load_rows
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.inference import Message

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
