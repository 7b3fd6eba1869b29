"""The table of what each part does: every variant from the same settings, each without one part."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ipm_prefdial.recipes.study.ablation import BEGINNING, WHOLE, ablate
from ipm_prefdial.schemas.errors import UsageError

GIVEN = [("data", "release"), ("seed", 7)]


def _logging(asked: list[dict[str, Any]]) -> Any:
    """Trains in no time: the format rises by a hundredth a step, from where the weight of the process says."""

    def run(settings: Sequence[tuple[str, Any]]) -> None:
        asked.append(dict(settings))
        folder = Path(asked[-1]["output_dir"])
        folder.mkdir(parents=True)
        begin = asked[-1].get("process", 0.5)
        logs = [{"step": step, "reward": 9.0, "format": begin + step / 100, "self_bleu": None} for step in range(8)]
        lines = [*logs, {"step": 8, "train_loss": 1.0}]
        (folder / "curves.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    return run


def test_every_variant_differs_in_one_setting(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []
    out = tmp_path / "reasoner" / "ablation"
    found = ablate("tiny/reasoner/grpo", out, GIVEN, _logging(asked))
    own = [{key: one[key] for key in one.keys() - {"data", "seed", "output_dir", "sft_checkpoint", "reward_model"}}
           for one in asked]  # fmt: skip
    assert own == [{}, {"process": 0}, {"outcome": 0}, {"redundancy": 0}]
    assert len({one["output_dir"] for one in asked}) == 4
    assert {one["sft_checkpoint"] for one in asked} == {str(tmp_path / "reasoner" / "sft")}
    assert {one["reward_model"] for one in asked} == {str(tmp_path / "reward" / "reward")}
    assert found[BEGINNING] == {"format": 0.5}
    assert found[WHOLE] == {"format": pytest.approx(0.565)}, "the mean of the last two of eight steps"
    assert found["without process"] == {"format": pytest.approx(0.065)}


def test_table_for_people_and_for_machines(tmp_path: Path) -> None:
    ablate("tiny/reasoner/grpo", tmp_path / "out", GIVEN, _logging([]))
    rows = list(csv.DictReader((tmp_path / "out" / "ablation.csv").read_text().splitlines()))
    assert [row["variant"] for row in rows] == [
        BEGINNING, WHOLE, "without process", "without outcome", "without redundancy",
    ]  # fmt: skip
    assert (rows[1]["format"], rows[1]["process"]) == ("0.565", "")
    page = (tmp_path / "out" / "ablation.md").read_text()
    assert "| all parts | 0.565 |" in page
    assert "self-BLEU" not in page, "what nobody measured is not a column"
    assert str(tmp_path) not in page


def test_places_that_are_given_are_taken(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []
    ablate("tiny/reasoner/grpo", tmp_path / "out", [*GIVEN, ("sft_checkpoint", "mine")], _logging(asked))
    assert {one["sft_checkpoint"] for one in asked} == {"mine"}


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("tiny/reasoner/sft", [], "is not a GRPO recipe"),
        ("tiny/reasoner/grpo", [("redundancy", 0)], "redundancy=0 is what one of the variants sets"),
    ],
)
def test_wrong_use(name: str, settings: list[tuple[str, Any]], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        ablate(name, tmp_path / "out", settings, _logging([]))
    assert not (tmp_path / "out").exists()
