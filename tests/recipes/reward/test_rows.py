"""Labelled traces and pairs come in one shape, none lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reasoning import count_rows, reasoning_release, write_config
from support.releases import copy_release, refresh_hashes
from support.traces import traces

from ipm_prefdial.prompts.parsers.trace import format_trace, step_texts
from ipm_prefdial.recipes.data.release import PinnedRelease, open_release
from ipm_prefdial.recipes.reward.baselines import LabelledExamples
from ipm_prefdial.recipes.reward.rows import load_reward_rows, step_ends, trace_ends
from ipm_prefdial.recipes.tasks import TrainingStage, TrainingTask
from ipm_prefdial.recipes.train.rows import load_stage_rows
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.trace import Trace

BOTH = (Config.REASONING_STEPS, Config.REASONING_PAIRS)


def _open(root: Path) -> PinnedRelease:
    return open_release(str(root), None, *BOTH)


def test_every_row_of_both_configs_is_there() -> None:
    release = reasoning_release()
    rows = load_reward_rows(_open(release.root), Split.TRAIN)
    labelled = [row for row in rows if row["labels"]]
    paired = [row for row in rows if row["worse"]]
    assert [len(labelled), len(paired)] == [count_rows(release, config, Split.TRAIN) for config in BOTH]
    assert len(rows) == len(labelled) + len(paired)
    assert all(len(row["labels"]) == len(row["ends"]) == 4 and not row["worse"] for row in labelled)
    assert all(not row["ends"] and row["trace"] != row["worse"] for row in paired)
    assert {len(row["dialogue_id"]) for row in rows} == {16}


def test_steps_are_cut_where_they_end() -> None:
    rows = load_reward_rows(_open(reasoning_release().root), Split.TEST)
    judged = LabelledExamples.of(rows)
    assert len(judged.steps) == len(judged.labels) > 0
    for steps in judged.steps:
        for step, name in zip(steps, ("history", "emotion", "strategy", "reply"), strict=True):
            assert step.startswith(f"<{name}>")
            assert step.endswith(f"</{name}>")
    assert len(judged.better) == len(judged.worse) == len(judged.pair_dialogues) > 0


@given(traces)
def test_ends_are_those_of_the_written_trace(trace: Trace) -> None:
    text, steps = format_trace(trace), step_texts(trace)
    ends = step_ends(steps)
    assert [text[end - len(step) : end] for step, end in zip(steps, ends, strict=True)] == list(steps)
    assert ends[-1] == len(text)
    assert trace_ends(text) == ends


def test_step_that_does_not_end_ends_with_the_text() -> None:
    assert trace_ends("<history>\nHail.\n</history>\n<emotion>\n") == [26, 37, 37, 37]
    assert trace_ends("") == [0] * 4


@given(st.lists(st.text(max_size=9), min_size=1, max_size=5))
def test_ends_of_any_texts(steps: list[str]) -> None:
    joined = "\n".join(steps)
    assert [joined[:end] for end in step_ends(steps)] == ["\n".join(steps[: at + 1]) for at in range(len(steps))]


def test_one_of_the_two_configs_may_be_empty_but_not_both(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", reasoning_release())
    write_config(release, Config.REASONING_PAIRS, Split.TRAIN, [])
    refresh_hashes(release.root)
    rows = load_stage_rows(_open(release.root), TrainingTask.REWARD, TrainingStage.REWARD, Split.TRAIN)
    assert len(rows) == count_rows(release, Config.REASONING_STEPS, Split.TRAIN)
    write_config(release, Config.REASONING_STEPS, Split.TRAIN, [])
    refresh_hashes(release.root)
    with pytest.raises(DataError, match="configs reasoning_steps and reasoning_pairs have no rows in split train"):
        load_stage_rows(_open(release.root), TrainingTask.REWARD, TrainingStage.REWARD, Split.TRAIN)
