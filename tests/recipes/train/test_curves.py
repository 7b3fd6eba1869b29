"""What was logged is written as lines, drawn, and summed up by its last values."""

import math
import struct
from pathlib import Path

import pytest

from ipm_prefdial.recipes.train.outputs import PICTURE_FILE, draw_curves, last_values, read_curves, write_curves

HISTORY = [
    {"loss": 0.7, "rewards/accuracies": 0.5, "step": 1, "epoch": 0.5},
    {"eval_loss": 0.6, "eval_rewards/accuracies": 0.6, "step": 2, "epoch": 1.0},
    {"loss": 0.5, "rewards/accuracies": 0.75, "step": 2, "epoch": 1.0},
    {"train_loss": 0.6, "eval_loss": math.nan, "total_flos": 1e9, "step": 2, "epoch": 1.0},
]


def test_curves_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert read_curves(tmp_path) == []
    write_curves(tmp_path, HISTORY[:1])
    write_curves(tmp_path, HISTORY)
    assert str(read_curves(tmp_path)) == str(HISTORY), "as texts, since nan is not equal to itself"
    assert [path.name for path in tmp_path.iterdir()] == ["curves.jsonl"]


def test_last_values_are_those_of_the_last_step() -> None:
    assert last_values(HISTORY) == {
        "eval_loss": 0.6,
        "eval_rewards/accuracies": 0.6,
        "loss": 0.5,
        "rewards/accuracies": 0.75,
        "train_loss": 0.6,
    }


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])  # type: ignore[return-value]


def test_picture_has_a_panel_for_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_curves(tmp_path, HISTORY, "a run")
    wide = _size(tmp_path / PICTURE_FILE)
    draw_curves(tmp_path, [{"loss": 0.7, "step": 1}], "a run")
    narrow = _size(tmp_path / PICTURE_FILE)
    assert wide[0] == pytest.approx(2 * narrow[0], rel=0.05)
    assert wide[1] == narrow[1]


def test_nothing_logged_is_not_drawn(tmp_path: Path) -> None:
    draw_curves(tmp_path, [{"train_runtime": 1.0, "step": 1}], "a run")
    assert list(tmp_path.iterdir()) == []
