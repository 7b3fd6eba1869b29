"""Labelled traces and pairs become rows of one shape, and tokens with the ends of their steps."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the [train] extra")

from hypothesis import given
from hypothesis import strategies as st
from support.reasoning import count_rows, reasoning_release, write_config
from support.releases import copy_release, refresh_hashes
from support.traces import TRACE, traces

from ipm_prefdial.prompts.parsers.trace import format_trace, step_texts
from ipm_prefdial.recipes.catalogue import TrainingStage, TrainingTask
from ipm_prefdial.recipes.data.release import PinnedRelease, open_release
from ipm_prefdial.recipes.reward._baselines import LabelledExamples
from ipm_prefdial.recipes.reward.rows import encode, load_reward_rows, measure_traces, step_ends, trace_ends
from ipm_prefdial.recipes.reward.trainer import UNKNOWN, collate
from ipm_prefdial.recipes.tiny import make_tiny
from ipm_prefdial.recipes.train._rows import load_stage_rows
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError, UsageError
from ipm_prefdial.schemas.inference import Message
from ipm_prefdial.schemas.trace import Trace

pytestmark = pytest.mark.train

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


PROMPT: list[Message] = [{"role": "user", "content": "It hailed all the way home."}]
TEXT, STEPS = format_trace(TRACE), step_texts(TRACE)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer that joins the end of a tag and the line break after it, as real ones do."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("model")
    make_tiny(folder, [TEXT] * 9, width=16, layers=1, vocabulary=400, positions=64, seed=1)
    return AutoTokenizer.from_pretrained(folder)


def test_tokens_up_to_an_end_hold_the_step_and_no_more(tokenizer: Any) -> None:
    (found,) = encode(tokenizer, [(PROMPT, TEXT, step_ends(STEPS))])
    begun = tokenizer.apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    for number, end in enumerate(found.ends):
        read = tokenizer.decode(found.ids[: end + 1]).rstrip("\n")
        assert read == begun + "\n".join(STEPS[: number + 1])
    assert found.ends[-1] == len(found.ids) - 1, "so that what reads the last token reads the score of the reply"


@given(trace=traces)
def test_ends_are_in_order_and_the_last_is_the_last_token(tokenizer: Any, trace: Trace) -> None:
    (found,) = encode(tokenizer, [(PROMPT, format_trace(trace), step_ends(step_texts(trace)))])
    assert sorted(set(found.ends)) == found.ends
    assert found.ends[-1] == len(found.ids) - 1


def test_what_is_measured_is_what_is_encoded(tokenizer: Any) -> None:
    (found,) = encode(tokenizer, [(PROMPT, TEXT, ())])
    said: Message = {"role": "assistant", "content": TEXT}
    whole, prompt = measure_traces(tokenizer)([[*PROMPT, said], PROMPT])
    assert whole == len(found.ids)
    assert 0 < prompt < whole


def test_tokenizer_without_places_is_refused() -> None:
    class Slow:
        is_fast = False
        name_or_path = "some/folder"

    with pytest.raises(UsageError, match="folder: its tokenizer cannot map tokens to text"):
        encode(Slow(), [(PROMPT, TEXT, ())])  # type: ignore[arg-type]


def test_batch_holds_labels_and_pairs(tokenizer: Any) -> None:
    said = [{"role": "assistant", "content": TEXT}]
    other = [{"role": "assistant", "content": TEXT[:40]}]
    rows = [
        {"prompt": PROMPT, "trace": said, "worse": other, "labels": [], "ends": [], "weight": 0.5},
        {
            "prompt": PROMPT,
            "trace": said,
            "worse": [],
            "labels": [True, False, True, False],
            "ends": step_ends(STEPS),
            "weight": 0.25,
        },
    ]
    batch = collate(tokenizer, rows)
    assert batch["step_labels"].tolist() == [[UNKNOWN] * 4, [UNKNOWN] * 4, [1, 0, 1, 0]]
    assert batch["weights"].tolist() == [0.5, 0.5, 0.25]
    assert (batch["better"].tolist(), batch["worse"].tolist(), batch["pair_weights"].tolist()) == ([0], [1], [0.5])
    lengths = batch["attention_mask"].sum(dim=1) - 1
    assert batch["ends"][:, -1].tolist() == lengths.tolist()
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["attention_mask"][:, 0].tolist() == [1, 1, 1], "padding stands on the right"
