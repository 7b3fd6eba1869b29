"""The main job on real corpora: 712 dialogues in three shapes, with the embedded models."""

from pathlib import Path

import pytest

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.inference import Role
from ipm_prefdial.schemas.rows import CANDIDATE_CONFIGS
from ipm_prefdial.schemas.spec import SourceRef

FILES = ("ESConv_part.json", "FailedESConv.json", "ESC_sft_val.json")


@pytest.mark.slow
def test_the_real_corpora_become_a_release_that_keeps_its_promises(tmp_path: Path, real_data: Path) -> None:
    sources = tuple(SourceRef(uri=str(real_data / name), license="cc-by-nc-4.0") for name in FILES)
    manifest = build(BuildOptions(out=tmp_path / "release", sources=sources, on_bad="skip"))
    assert sum(one.dialogues + sum(one.skipped.values()) for one in manifest.sources) == 712
    assert all(set(one.skipped) <= {"duplicate_dialogue"} for one in manifest.sources)
    assert all(manifest.counts[config].conserved for config in CANDIDATE_CONFIGS)
    assert all(min(manifest.counts[config].rows.values()) > 200 for config in CANDIDATE_CONFIGS)
    (planner,) = manifest.models[Role.PLANNER]
    (scores,) = planner.facts.values()
    assert isinstance(scores, dict)
    assert scores["accuracy"] >= 0.30  # type: ignore[operator]
    assert scores["macro_f1"] >= 0.20  # type: ignore[operator]
    assert list(validate_release(Release(tmp_path / "release"))) == []
    assert verify_release(tmp_path / "release").differences == ()
