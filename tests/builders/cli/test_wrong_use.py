"""Every mistake that a user can make gets one clear line and the documented exit code, and never a traceback."""

import json
import shutil
from argparse import ArgumentTypeError, Namespace
from pathlib import Path

import pytest
from support.command import ipm_prefdial

from ipm_prefdial.builders.cli.build import RoleTokens, _read_mode, share, tokens_of
from ipm_prefdial.builders.cli.publish import _reasons
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Role, TokenLimits

TINY = Path(__file__).parents[2] / "tiny"
GOOD = TINY / "esconv.json"


def build(tmp_path: Path, *words: str | Path) -> tuple[int, str]:
    done = ipm_prefdial("build", "--out", tmp_path / "release", *words)
    lines = [line for line in done.err.splitlines() if line.startswith("ipm-prefdial: ")]
    assert len(lines) == (1 if done.code else 0), done.err
    return done.code, lines[0] if lines else ""


def test_no_such_file(tmp_path: Path) -> None:
    code, line = build(tmp_path, "--source", tmp_path / "nowhere.json")
    assert code == 2
    assert "nowhere.json" in line
    assert "no such file" in line


def test_not_json_is_told_with_line_and_column(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('[\n {"dialog": [}\n]')
    code, line = build(tmp_path, "--source", bad)
    assert code == 2
    assert "line 2, column 14" in line


def test_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "latin.json"
    bad.write_bytes('[{"dialog": [{"speaker": "seeker",\n "content": "caf\xe9"}]}]'.encode("latin-1"))
    code, line = build(tmp_path, "--source", bad)
    assert code == 2
    assert "line 2" in line
    assert "UTF-8" in line


def test_wrong_shape(tmp_path: Path) -> None:
    bad = tmp_path / "shape.json"
    bad.write_text('[{"prompt": "x", "answer": "y"}]')
    code, line = build(tmp_path, "--source", bad)
    assert code == 2
    assert "answer, prompt" in line


@pytest.mark.parametrize("kind", ["parquet:", "esc:"])
def test_unknown_kind(tmp_path: Path, kind: str) -> None:
    code, line = build(tmp_path, "--source", f"{kind}{GOOD}")
    assert code == 2
    assert "mesc, esconv, chat, dialogue" in line


def test_a_bad_dialogue_stops_the_build_by_default(tmp_path: Path) -> None:
    code, line = build(tmp_path, "--source", TINY / "bad" / "unknown_strategy.json")
    assert code == 2
    assert "dialogue" in line
    assert "turn" in line
    assert "--on-bad-dialogue skip" in line


def test_unknown_release(tmp_path: Path) -> None:
    code, line = build(tmp_path, "--release", "9.9.9")
    assert code == 2
    assert "1.0.0" in line


def test_unknown_step_in_a_spec_of_ones_own(tmp_path: Path) -> None:
    import ipm_prefdial.builders.specs as specs

    spec = tmp_path / "mine.yaml"
    text = (Path(specs.__file__).parent / "1.0.0.yaml").read_text()
    spec.write_text(text.replace("answered@1", "answered@99"))
    code, line = build(tmp_path, "--release", spec)
    assert code == 2
    assert "answered@99" in line


def test_a_source_that_is_not_the_specs(tmp_path: Path) -> None:
    import ipm_prefdial.builders.specs as specs

    spec = tmp_path / "mine.yaml"
    text = (Path(specs.__file__).parent / "1.0.0.yaml").read_text()
    before, _, after = text.partition("sha256: ")
    spec.write_text(f"{before}sha256: {'a' * 64}{after[64:]}")
    code, line = build(tmp_path, "--release", spec)
    assert code == 2
    assert "sha256" in line
    assert "a" * 64 in line


def test_unknown_config() -> None:
    done = ipm_prefdial("schema", "answers")
    assert done.code == 2
    assert "response" in done.err


def test_missing_key(tmp_path: Path) -> None:
    code, line = build(tmp_path, "--planner", "gpt-4.1-mini")
    assert code == 2
    assert "OPENAI_API_KEY" in line


def test_a_budget_needs_a_price(tmp_path: Path) -> None:
    code, line = build(tmp_path, "--planner", "mystery@http://127.0.0.1:9/v1", "--budget", "1")
    assert code == 2
    assert "mystery" in line


def test_the_output_exists(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "mine.txt").write_text("do not touch")
    code, line = build(tmp_path, "--source", GOOD, "--force")
    assert code == 2
    assert "is not a release" in line
    assert (tmp_path / "release" / "mine.txt").read_text() == "do not touch"


def test_the_output_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ipm_prefdial("build", "--out", tmp_path / "file" / "release", "--source", GOOD)
    assert done.code == 2
    assert "cannot be written" in done.err


def test_a_release_is_never_overwritten_but_by_force(tmp_path: Path) -> None:
    assert build(tmp_path, "--source", GOOD) == (0, "")
    code, line = build(tmp_path, "--source", GOOD)
    assert code == 2
    assert "built already" in line
    assert build(tmp_path, "--source", GOOD, "--force") == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


@pytest.mark.parametrize("verb", ["verify", "validate", "card"])
def test_no_such_release_folder(tmp_path: Path, verb: str) -> None:
    done = ipm_prefdial(verb, tmp_path / "nowhere")
    assert done.code == 2
    assert "nowhere" in done.err


def test_a_broken_manifest_names_the_field(tmp_path: Path) -> None:
    assert build(tmp_path, "--source", GOOD) == (0, "")
    path = tmp_path / "release" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["spec"]["seed"] = "seven"
    path.write_text(json.dumps(manifest))
    done = ipm_prefdial("validate", tmp_path / "release")
    assert done.code == 1
    assert "spec.seed" in done.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash for its ulimit")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A limit on file sizes stands in for a full disk; the same command goes on once there is room."""
    import subprocess

    from support.command import clean_environ, command_line

    words = command_line("build", "--out", tmp_path / "release", "--source", GOOD)
    limited = ["bash", "-c", 'ulimit -f 40; exec "$@"', "bash", *words]
    done = subprocess.run(limited, capture_output=True, text=True, env=clean_environ(), check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "release").exists()
    assert build(tmp_path, "--source", GOOD) == (0, "")


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("0.25", 0.25), ("1", 1.0), ("1.01", None), ("x", None)])
def test_a_share_goes_from_0_to_1_with_both_ends(text: str, value: float | None) -> None:
    if value is not None:
        assert share(text) == value
        return
    with pytest.raises(ArgumentTypeError, match="not a number from 0 to 1"):
        share(text)


@pytest.mark.parametrize(
    ("text", "roles"),
    [("live", []), ("batch", list(Role)), ("batch:judge,planner", [Role.JUDGE, Role.PLANNER]), ("batch:", None)],
)
def test_batches_are_for_all_roles_or_for_those_that_are_named(text: str, roles: list[Role] | None) -> None:
    if roles is not None:
        assert _read_mode(text) == frozenset(roles)
        return
    with pytest.raises(ArgumentTypeError, match="neither live, batch, nor"):
        _read_mode(text)


def test_a_role_that_one_option_of_tokens_names_has_limits() -> None:
    named = Namespace(max_tokens=[RoleTokens(Role.JUDGE, 90)], thinking=[RoleTokens(Role.PLANNER, 400)])
    assert tokens_of(named) == {
        Role.JUDGE: TokenLimits(answer=90, thinking=0),
        Role.PLANNER: TokenLimits(answer=None, thinking=400),
    }
    twice = Namespace(max_tokens=[RoleTokens(Role.JUDGE, 90)] * 2, thinking=[])
    with pytest.raises(UsageError, match="--max-tokens names the judge twice"):
        tokens_of(twice)


@pytest.mark.parametrize("reasons", [["known", " "], ["known"], ["known", "checked", "more"]])
def test_every_accepted_gate_has_a_reason_of_its_own(reasons: list[str]) -> None:
    with pytest.raises(UsageError, match="every --accept GATE needs its --why"):
        _reasons(["faults", "leakage"], reasons)
