"""The verbs on a release that is there: what they print, what they exit with, what they leave behind."""

import json
from pathlib import Path

import pytest
from support.command import ipm_prefdial
from support.releases import change_cell, copy_release, refresh_hashes

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config

TINY = Path(__file__).parents[2] / "tiny" / "esconv.json"
RESPONSES = "data/response/train-00000-of-00001.parquet"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A scripted release of the sample, to be altered."""
    return copy_release(tmp_path / "release").root


def test_a_clean_release_verifies_and_validates(release: Path) -> None:
    for verb in ("verify", "validate"):
        done = ipm_prefdial(verb, release)
        assert done.code == 0, done.out + done.err
        told = json.loads(ipm_prefdial(verb, release, "--json").out)
        assert told["clean"] is True
        assert told["rows"] > 3_000


def test_a_changed_row_is_told_by_both(release: Path) -> None:
    change_cell(Release(release), RESPONSES, 3, "rejected_error", "lack_of_empathie")
    refresh_hashes(release)
    for verb in ("verify", "validate"):
        done = ipm_prefdial(verb, release)
        assert done.code == 1
        assert f"{RESPONSES}: row 3" in done.out
        assert json.loads(ipm_prefdial(verb, release, "--json").out)["clean"] is False


def test_every_rule_is_told() -> None:
    done = ipm_prefdial("validate", "--rules")
    assert done.code == 0
    assert "sides_differ" in done.out


def test_card_writes_the_views_again_and_nothing_else(release: Path) -> None:
    before = {path: path.read_bytes() for path in release.rglob("*") if path.is_file()}
    (release / "README.md").write_text("lost")
    assert ipm_prefdial("card", release).code == 0
    assert {path: path.read_bytes() for path in release.rglob("*") if path.is_file()} == before


def test_releases_are_listed() -> None:
    assert "1.0.0" in ipm_prefdial("releases").out
    assert json.loads(ipm_prefdial("releases", "--json").out)["1.0.0"]["seed"] == 250516995


@pytest.mark.parametrize("config", list(Config))
def test_schema_tells_columns_in_both_ways(config: Config) -> None:
    told = json.loads(ipm_prefdial("schema", config).out)
    names = [feature["name"] for feature in told["features"]]
    assert names == list(told["json_schema"]["properties"])
    assert names[:2] == ["row_id", "dialogue_id"]


def test_a_dry_run_sends_and_writes_nothing(tmp_path: Path) -> None:
    words = ("build", "--out", tmp_path / "release", "--source", TINY, "--dry-run")
    mock = ("--planner", "gpt-4.1-mini@http://127.0.0.1:9/v1")
    told = json.loads(ipm_prefdial(*words, *mock, "--json").out)
    planner = next(one for one in told["roles"] if one["role"] == "planner")
    assert planner["calls"] == told["turns"] > 10
    assert planner["cost_usd"] > 0
    assert planner["batch_usd"] == pytest.approx(planner["cost_usd"] / 2, abs=1e-4)
    assert list(tmp_path.iterdir()) == []
    shown = ipm_prefdial(*words, environ={"COLUMNS": "300"}).out
    assert "Nothing was sent" in shown
    assert "USD at most" in shown and "in batches" in shown


def test_a_build_prints_tables_pairs_and_what_is_next(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--show", "3")
    assert done.code == 0, done.err
    assert "no_seeker_turn" in done.out
    assert done.out.count("+ chosen") == done.out.count("- rejected") == 3
    assert "load_dataset" in done.out
    assert "ipm-prefdial verify" in done.out


def test_a_build_as_json_is_json_alone(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", tmp_path / "release", "--source", TINY, "--json")
    told = json.loads(done.out)
    assert done.err == ""
    assert told["counts"]["response"]["candidates"] == sum(told["counts"]["response"]["rows"].values()) + sum(
        told["counts"]["response"]["dropped"].values()
    )


def test_output_that_nobody_reads_to_its_end_is_no_error(release: Path) -> None:
    import subprocess

    from support.command import clean_environ, command_line

    schema = subprocess.Popen(
        command_line("schema", "response"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environ()
    )
    assert schema.stdout is not None
    schema.stdout.readline()
    schema.stdout.close()
    assert schema.stderr is not None
    told = schema.stderr.read().decode()
    schema.stderr.close()
    assert "Traceback" not in told
    assert schema.wait(60) == 0
