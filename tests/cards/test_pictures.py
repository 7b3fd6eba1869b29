"""Pictures show the audit, are the same bytes for the same audit, and are not a condition for anything."""

import io
import subprocess
import sys
from typing import Any

import pytest
from support.audits import shared_audit

from ipm_prefdial.cards import pictures
from ipm_prefdial.cards.pictures import PICTURES, draw_pictures
from ipm_prefdial.schemas.audit import Audit


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    """The pictures of the shared release's audit."""
    return draw_pictures(shared_audit())


def test_every_picture_is_drawn_and_is_one(drawn: dict[str, bytes]) -> None:
    from matplotlib.image import imread

    assert list(drawn) == list(PICTURES)
    for path, data in drawn.items():
        image = imread(io.BytesIO(data), format="png")
        assert path.startswith("pictures/") and path.endswith(".png")
        assert image.shape[0] > 100 and image.shape[1] > 600
        assert image[..., :3].std() > 0.05, "there is something on it"
        assert len(data) < 200_000
        assert b"Software" not in data


def test_equal_audits_give_equal_bytes_whatever_the_users_settings_are(drawn: dict[str, bytes]) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 20}):
        assert draw_pictures(shared_audit()) == drawn


def test_another_audit_gives_other_bytes(drawn: dict[str, bytes]) -> None:
    audit = shared_audit()
    flows = tuple(flow.model_copy(update={"rows": flow.rows // 2}) for flow in audit.flows)
    assert (
        draw_pictures(audit.model_copy(update={"flows": flows}))["pictures/candidates.png"]
        != drawn["pictures/candidates.png"]
    )


@pytest.mark.parametrize(
    ("empty", "gone"),
    [
        ({"flows": ()}, {"pictures/candidates.png", "pictures/strategies.png"}),
        ({"labels": ()}, {"pictures/errors.png"}),
        ({"style": ()}, {"pictures/lengths.png"}),
    ],
)
def test_what_the_audit_does_not_tell_is_not_drawn(empty: dict[str, Any], gone: set[str]) -> None:
    assert set(PICTURES) - set(draw_pictures(shared_audit().model_copy(update=empty))) == gone


def test_nothing_is_drawn_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    assert draw_pictures(shared_audit()) == {}


def test_configs_without_rows_are_left_out() -> None:
    audit = shared_audit()
    flows = tuple(flow.model_copy(update={"rows": 0, "rows_by_strategy": {}}) for flow in audit.flows)
    bare: Audit = audit.model_copy(update={"flows": flows, "labels": (), "style": ()})
    assert list(draw_pictures(bare)) == ["pictures/candidates.png"]


def test_a_card_is_rendered_without_loading_matplotlib() -> None:
    code = "import sys, ipm_prefdial.cards.render; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
