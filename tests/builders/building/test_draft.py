"""The layout in preparation goes through the whole of a build before any spec of it is released."""

from pathlib import Path

from support.command import ipm_prefdial
from support.dialogues import dialogue, seeker, supporter
from support.draft import NEXT_LAYOUT, write_draft

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.mining.turns import MOST_IN_A_TURN
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason


def test_a_draft_in_the_next_layout_builds_validates_and_verifies(tmp_path: Path) -> None:
    out = tmp_path / "release"
    manifest = build(BuildOptions(out=out, release=str(write_draft(tmp_path)), limit=8))
    assert manifest.spec.layout == NEXT_LAYOUT
    assert list(validate_release(Release(out))) == []
    assert verify_release(out).differences == ()


def test_a_draft_masks_by_the_next_rules_and_leaves_long_turns_out_by_name(tmp_path: Path) -> None:
    steps = ["no_personal_data@2" if one == "no_personal_data@1" else one for one in load_release("2.1.0").spec.steps]
    draft = write_draft(
        tmp_path,
        steps=["bounded_turns@1", "bounded_reply@1", *steps],
        safety={"personal_data": "mask", "personal_data_rules": 2, "crisis": "hold_out"},
    )
    words = [("rain", "attic"), ("boss", "printer"), ("sister", "wedding"), ("exam", "library")]
    talks = [
        dialogue(
            seeker(f"The {one} in the {other} keeps me awake, and my wechat: {one}{other}_x"),
            supporter(f"How long has the {one} kept you awake?"),
            seeker(f"Since the {other} burnt, and " + "a" * (MOST_IN_A_TURN if one == "boss" else 1)),
            supporter(f"That sounds exhausting; the {other} meant much to you."),
        )
        for one, other in words
    ]
    source, out = tmp_path / "talks.jsonl", tmp_path / "release"
    source.write_text("".join(one.model_dump_json(exclude={"dialogue_id"}) + "\n" for one in talks))
    done = ipm_prefdial("build", "--release", draft, "--source", source, "--out", out)
    assert done.code == 0, done.err
    assert "Personal data masked: 4 handle" in done.out + done.err
    release = Release(out)
    assert release.manifest.spec.safety.personal_data_rules == 2
    assert release.manifest.counts[Config.RESPONSE_SFT].dropped == {DropReason.TOO_LONG: 1}
    assert release.manifest.counts[Config.RESPONSE].dropped[DropReason.TOO_LONG] >= 1
    assert list(validate_release(release)) == []
    assert verify_release(out).differences == ()
