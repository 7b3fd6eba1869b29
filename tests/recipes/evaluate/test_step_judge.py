"""A reward model has a seat among a build's judges: it labels steps, and its labels are rebuilt without it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from servers.asking import make_request
from support.command import ipm_prefdial
from support.dialogues import SHORT_TURNS
from support.reasoning import reasoning_release
from support.traces import TRACE
from support.training import run_quick

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.prompts.library import load_prompt
from ipm_prefdial.recipes.evaluate.step_judge import StepJudge, _labels
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import Ask, Failed, Task
from ipm_prefdial.schemas.trace import Step

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning"),
]

BUILD = ("build", "--release", "2.1.0", "--source", "sample", "--limit", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model that has learnt hardly anything."""
    out = tmp_path_factory.mktemp("runs") / "unifi"
    run_quick("tiny/reward/reward", reasoning_release().root, out, max_rows=12, max_length=2_500)
    return out


def test_its_labels_are_votes_and_verify_needs_no_model(folder: Path, tmp_path: Path) -> None:
    out, named = tmp_path / "release", f"reward:{folder}"
    done = ipm_prefdial(*BUILD, "--out", out, "--judge", "corpus", "--judge", named)
    assert done.code == 0, done.err
    release = Release(out)
    assert list(validate_release(release)) == []
    asked = [row["task"] for row in release.rows(Config.COMPLETIONS) if row["model"] == "reward:unifi"]
    assert set(asked) == {Task.STEP_JUDGE}
    said = [row["reply"] for row in release.rows(Config.COMPLETIONS) if row["model"] == "reward:unifi" and row["reply"]]
    assert said and all("It scores 0." in reply for reply in said)
    # It has learnt hardly anything and contradicts the other judge on most steps: two votes, and neither decides.
    assert release.manifest.counts[Config.REASONING_STEPS].dropped[DropReason.STEP_TIE] > 0
    for row in release.rows(Config.REASONING_STEPS):
        judges = {one["model"]: one for one in row["judgements"]}
        assert judges.keys() == {"corpus", "reward:unifi"}
    (record,) = [one for one in release.manifest.models["judge"] if one.kind == "reward"]
    assert "on held-out dialogues" in record.facts
    assert str(folder.parent) not in (out / "manifest.json").read_text()
    shutil.move(folder, tmp_path / "elsewhere")
    try:
        again = ipm_prefdial("verify", out)
        assert again.code == 0, again.err
    finally:
        shutil.move(tmp_path / "elsewhere", folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--judge", "{}"), "a reward model only labels the steps of traces; name another judge too"),
        (("--judge", "corpus", "--judge", "{}", "--judge", "{}"), "is named twice as judge"),
        (("--judge", "corpus", "--judge", "reward:nowhere"), "there is no run of a reward recipe in nowhere"),
        (("--judge", "corpus", "--judge", "{}", "--release", "2.0.0"), "release 2.0.0 has no reasoning traces"),
        (
            ("--judge", "corpus", "--judge", "{}", "--engine", "ray"),
            "the reward model runs in the command's own process",
        ),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    named = [word.format(f"reward:{folder}") for word in words]
    done = ipm_prefdial(*BUILD, "--out", tmp_path / "release", *named)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) <= 3
    assert not (tmp_path / "release").exists()


def test_a_step_is_right_above_a_half() -> None:
    labels = json.loads(_labels([0.2, 0.5, 0.51, 1.0]))
    assert [labels[step]["correct"] for step in Step] == [False, False, True, True]
    assert labels[Step.STRATEGY]["why"] == "It scores 0.51."


@dataclass
class _Fixed:
    """A reward model of a context of ten tokens, whose tokenizer makes `tokens` of every trace."""

    tokens: int
    model: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(config=_Config()))

    def encode(self, traces: Sequence[object]) -> list[SimpleNamespace]:
        return [SimpleNamespace(ids=[0] * self.tokens) for _ in traces]


@dataclass
class _Config:
    max_position_embeddings: int = 10


@pytest.mark.parametrize(("tokens", "fits"), [(10, True), (11, False)])
def test_a_trace_may_fill_the_context_of_the_reward_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tokens: int, fits: bool
) -> None:
    monkeypatch.setattr(StepJudge, "_model", _Fixed(tokens))
    judge = StepJudge(folder, load_prompt("reasoner/write_trace@1"))
    ask = Ask(task=Task.STEP_JUDGE, history=SHORT_TURNS[:3], trace=TRACE)
    request = make_request("label it").model_copy(update={"ask": ask})
    put = judge.put(request)
    assert isinstance(put, Failed) is not fits
