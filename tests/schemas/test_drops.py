"""Every way out is either no choice of the filter's, or one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from ipm_prefdial import schemas
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import NEVER_A_PAIR, DropReason, EarlyDropReason
from ipm_prefdial.schemas.rows import rows_of


def test_these_are_the_choices_among_whole_pairs_and_all_others_are_none() -> None:
    """What stands here counts for the pool from which the filter chose; see `corpus_filters` and the audit."""
    assert set(DropReason) - NEVER_A_PAIR == {
        DropReason.JUDGE_FAILED,
        DropReason.UNPARSED_VERDICT,
        DropReason.ORDER_FLIP,
        DropReason.CHOSEN_FLAWED,
        DropReason.REJECTED_SOUND,
        DropReason.NOT_WORSE,
        DropReason.EASIER_NEGATIVE,
        DropReason.STRATEGY_CAP,
        DropReason.STEP_TIE,
        DropReason.STEP_WRONG,
        DropReason.UNCLEAR_DIFFERENCE,
    }


def test_a_reasons_name_is_its_value() -> None:
    assert all(reason.value == reason.name.lower() for reason in DropReason)


@pytest.mark.parametrize("layout", [1, 2, 3])
def test_a_released_layout_knows_no_reason_that_is_newer_than_it(layout: int) -> None:
    row = rows_of(layout)[Config.DROPPED]
    known = row.model_json_schema()["$defs"]["DropReason"]["enum"]
    assert DropReason.CRISIS in known
    assert DropReason.CRISIS_UNREAD not in known
    with pytest.raises(ValidationError, match="'crisis_unread' is newer than this layout"):
        TypeAdapter(EarlyDropReason).validate_python("crisis_unread")


def test_the_newest_layout_knows_every_reason() -> None:
    assert rows_of(4)[Config.DROPPED].model_json_schema()["$defs"]["DropReason"]["enum"] == list(DropReason)


def test_a_new_reason_leaves_the_schemas_of_released_layouts_as_they_are(tmp_path: Path) -> None:
    """The reason is planted into a copy of `schemas`, since an enum cannot grow while it runs."""
    package = tmp_path / "ipm_prefdial" / "schemas"
    shutil.copytree(Path(schemas.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    drops = package / "drops.py"
    text = drops.read_text()
    drops.write_text(text.replace('    CRISIS = "crisis"\n', '    PLANTED = "planted"\n    CRISIS = "crisis"\n', 1))
    script = (
        "import json; from ipm_prefdial.schemas.rows import rows_of\n"
        "print(json.dumps([{c.value: r.model_json_schema() for c, r in rows_of(n).items()} for n in (1, 2, 3, 4)]))"
    )
    planted = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(tmp_path)}, check=True, capture_output=True, text=True
    )
    *released, draft = json.loads(planted.stdout)
    for layout, found in zip((1, 2, 3), released, strict=True):
        assert found == {config.value: row.model_json_schema() for config, row in rows_of(layout).items()}, layout
    assert "planted" in draft["dropped"]["$defs"]["DropReason"]["enum"]
