"""The head is read at the last token of each step, whatever the tokenizer makes of the text."""

from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the [train] extra")

from hypothesis import given
from support.traces import TRACE, traces

from ipm_prefdial.prompts.parsers.trace import format_trace, step_texts
from ipm_prefdial.recipes.reward.rows import encode, measure_traces, step_ends
from ipm_prefdial.recipes.reward.trainer import UNKNOWN, collate
from ipm_prefdial.recipes.tiny import make_tiny
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Message
from ipm_prefdial.schemas.trace import Trace

pytestmark = pytest.mark.train

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
