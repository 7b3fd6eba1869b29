"""Dialogues that a crisis judge could not read are held out under a name of their own, and counted apart everywhere."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.chat_server import ChatServer, RawAnswer, answer_with
from support.draft import write_draft
from support.persona import play_role_of_panels

from ipm_prefdial.builders.auditing.run import audit_release
from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.cli.main import main
from ipm_prefdial.builders.release.card_context import all_unread
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason

DECLINED = RawAnswer(200, answer_with("I'm sorry, but I can't assist with that."))


def declines(body: dict[str, Any]) -> RawAnswer | None:
    """A crisis judge that declines to read about one dialogue in three; every other judge answers."""
    words = str(body["messages"][-1]["content"])
    number = int(hashlib.sha256(words.encode()).hexdigest()[:8], 16)
    is_crisis_judge = str(body["messages"][0]["content"]).startswith("You read a whole")
    return DECLINED if is_crisis_judge and number % 3 == 0 else None


@pytest.fixture(scope="module")
def judge() -> Iterator[ChatServer]:
    """The judge of every build here."""
    with ChatServer(play_role_of_panels, raw=declines) as server:
        yield server


@pytest.fixture
def run_build(judge: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Builds a release with the judge, and gives what the command said."""

    def run(release: str | Path, *words: str) -> str:
        out = ("--out", str(tmp_path / "release"), "--release", str(release), "--limit", "8")
        code = main(["build", *out, "--judge", f"mock@{judge.url}", *words])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return run


def held_out(release: Release) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The rows of the holdout by dialogue, and the dialogues in which nobody saw a sign."""
    rows = {row["dialogue_id"]: row for row in release.rows(Config.CRISIS_HOLDOUT)}
    return rows, {name for name, row in rows.items() if all_unread(row["findings"])}


def test_in_the_next_layout_the_rows_say_which_is_which(tmp_path: Path, run_build: Callable[..., str]) -> None:
    out = run_build(write_draft(tmp_path))
    release = Release(tmp_path / "release")
    rows, unread = held_out(release)
    assert 0 < len(unread) < 8
    assert {name: row["reason"] for name, row in rows.items()} == {
        name: "crisis_unread" if name in unread else "crisis" for name in rows
    }
    dropped = [row for row in release.rows(Config.DROPPED) if row["dialogue_id"] in rows]
    assert {(row["reason"], row["dialogue_id"] in unread) for row in dropped} <= {
        ("crisis", False),
        ("crisis_unread", True),
    }
    assert all(row["human"] == "" for row in dropped)
    assert list(validate_release(release)) == [] and verify_release(release.root).clean
    assert f"{len(unread)} dialogue" in out and "held out unread" in out and "crisis_unread" in out


def test_in_a_released_layout_every_count_for_people_tells_them_apart(
    tmp_path: Path, run_build: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = run_build("2.0.0")
    release = Release(tmp_path / "release")
    _, unread = held_out(release)
    assert 0 < len(unread) < 8
    candidates = {
        config: sum(
            row["config"] == config and row["reason"] == "crisis" and row["dialogue_id"] in unread
            for row in release.rows(Config.DROPPED)
        )
        for config in PAIR_CONFIGS
    }
    assert all(DropReason.CRISIS_UNREAD not in counts.dropped for counts in release.manifest.counts.values())
    (line,) = (line for line in out.splitlines() if "crisis_unread" in line)
    assert [int(cell) for cell in line.split("│")[2:-1]] == list(candidates.values())
    assert f"{len(unread)} dialogue" in out and "held out unread" in out

    card = " ".join((release.root / "README.md").read_text(encoding="utf-8").split())
    assert f"| `crisis_unread` | {' | '.join(map(str, candidates.values()))} |" in card
    assert "held out unread, because a crisis judge gave no readable answer" in card

    (flow,) = (one for one in audit_release(release.root, "release").flows if one.config == "response")
    counted = {step.reason: step.dropped for step in flow.steps}
    assert counted["crisis_unread"] == candidates[Config.RESPONSE]

    assert main(["review", "crisis", str(release.root), "--out", str(tmp_path / "sheet.csv")]) == 0
    said = capsys.readouterr().out
    assert f"of {len(unread)} dialogues nothing else is known" in said
    assert verify_release(release.root).clean


def test_json_has_the_same_counts(tmp_path: Path, run_build: Callable[..., str]) -> None:
    told = json.loads(run_build("2.0.0", "--json"))
    rows, unread = held_out(Release(tmp_path / "release"))
    assert told["held_out"]["unread"] == len(unread) > 0
    assert told["held_out"]["seen"] == len(rows) - len(unread)
    (judged,) = (one for one in told["answers"] if one["task"] == "crisis_judge")
    assert judged["unusable"] == {"unparsed_verdict": len(unread)} and "no json" in judged["message"]
