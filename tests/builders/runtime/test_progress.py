"""What is printed where nobody watches a terminal: plain lines, now and then."""

import pytest

from ipm_prefdial.builders.runtime import progress


def test_stages_and_progress_are_lines_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY_S", -1.0)
    with progress.ProgressDisplay(quiet=False) as bars:
        bars.stage("asking models", 2)
        bars.advance("7 calls/s, 30 tokens")
        bars.advance()
    assert capsys.readouterr().err.splitlines() == [
        "asking models (2) …",
        "asking models: 1 of 2, 7 calls/s, 30 tokens",
        "asking models: 2 of 2",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY_S", -1.0)
    with progress.ProgressDisplay(quiet=True) as bars:
        bars.stage("asking models", 2)
        bars.advance("7 calls/s")
    assert capsys.readouterr().err == ""
