"""The layout in preparation goes through the whole of a build before any spec of it is released."""

from pathlib import Path

from support.draft import NEXT_LAYOUT, write_draft

from ipm_prefdial.builders.pipeline import BuildOptions, build
from ipm_prefdial.builders.rebuild import verify_release
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release


def test_a_draft_in_the_next_layout_builds_validates_and_verifies(tmp_path: Path) -> None:
    out = tmp_path / "release"
    manifest = build(BuildOptions(out=out, release=str(write_draft(tmp_path)), limit=8))
    assert manifest.spec.layout == NEXT_LAYOUT
    assert list(validate_release(Release(out))) == []
    assert verify_release(out).differences == ()
