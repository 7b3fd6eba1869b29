"""A bug in a step ends a build with one line that names step, dialogue and turn, and loses no answer."""

from pathlib import Path

import pytest

from ipm_prefdial.builders.cli.main import main
from ipm_prefdial.builders.mining.steps import STEPS, Check, HumanCheck, Unique
from ipm_prefdial.builders.models.record import Records


def _fail(*given: object) -> None:
    raise KeyError("a table that lacks this turn")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("plain_reply@1", Check(_fail)),  # type: ignore[arg-type]
        ("no_duplicate_pair@1", Unique(_fail)),  # type: ignore[arg-type]
    ],
)
def test_it_is_one_line_and_a_mended_step_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, step: Check | Unique
) -> None:
    words = ["build", "--release", "1.0.0", "--out", str(tmp_path / "release"), "--limit", "4"]
    with monkeypatch.context() as patch:
        patch.setitem(STEPS, name, step)
        assert main(words) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"ipm-prefdial: step {name} failed at dialogue ")
    assert "turn " in error and "KeyError: 'a table that lacks this turn'" in error
    assert "Traceback" not in error
    with Records(next(tmp_path.glob("release*/records.sqlite"))) as records:
        assert len(list(records.rows())) > 0
    assert main(words) == 0


def test_a_bug_in_a_check_of_the_humans_turn_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "no_crowd_chatter@1"
    known = STEPS[name]
    assert isinstance(known, HumanCheck)
    monkeypatch.setitem(STEPS, name, HumanCheck(_fail, known.reason))  # type: ignore[arg-type]
    assert main(["build", "--release", "2.0.0", "--out", str(tmp_path / "release"), "--limit", "2"]) == 1
    assert f"step {name} failed at dialogue " in capsys.readouterr().err
