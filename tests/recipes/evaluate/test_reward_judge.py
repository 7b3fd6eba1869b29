"""A reward model scores the traces of an evaluation: asked for by its folder, beside other judges or alone."""

from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")

from support.dialogues import SHORT_TURNS
from support.reasoning import reasoning_release
from support.traces import TRACE
from support.training import run_quick

from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.recipes.evaluate._judging import ALL_STEPS, JudgedReply, panels_of
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn
from ipm_prefdial.recipes.evaluate.step_judge import check_reward_folder, judge_by_reward
from ipm_prefdial.recipes.metrics.sample import AnswerSample, TurnAnswer
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.strategy import Strategy

pytestmark = [
    pytest.mark.train,
    # TRL 1.16 still asks Transformers 5.23 by the old name.
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing. is deprecated:FutureWarning"),
]

SPEC = load_release("2.1.0").spec
TURNS = [HumanTurn(f"d{at}", 3, SHORT_TURNS[:3], Strategy.QUESTION, "How was it?") for at in range(3)]


def test_traces_get_probabilities_and_other_replies_nothing(tmp_path: Path) -> None:
    run_quick("tiny/reward/reward", reasoning_release().root, tmp_path / "reward", max_rows=12)
    folder = tmp_path / "reward"
    check_reward_folder(folder)
    replies = [JudgedReply("larch", turn, TRACE.reply, TRACE if at else None) for at, turn in enumerate(TURNS)]
    judge, said = judge_by_reward(folder, replies, SPEC)
    assert judge.name == "reward:reward"
    assert [one.place for one in said] == [("d1", 3), ("d2", 3)]
    for one in said:
        *steps, every = one.grades.values()
        assert all(0 < value < 1 for value in steps)
        assert every == pytest.approx(sum(steps) / 4)
    answers = [TurnAnswer(turn.dialogue_id, 3, turn.strategy, turn.text, None, TRACE.reply) for turn in TURNS]
    judged = panels_of({judge: said}, AnswerSample.of(answers, 50))[0].judged()
    (mean,) = [one.mean for one in judged.grades if one.grade == ALL_STEPS]
    assert mean.n == 2
    assert judged.prompts == {}
    assert "probabilities" in judged.notes[0]
    with pytest.raises(UsageError, match=r"release 2\.0\.0 has no reasoning traces"):
        judge_by_reward(folder, replies, load_release("2.0.0").spec)


def test_folder_without_a_reward_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run of a reward recipe"):
        check_reward_folder(tmp_path)
