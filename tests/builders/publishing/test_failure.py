"""What the Hub's client raises is told in one line, that says whether trying again may help and never shows a token."""

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.publishing._failure import ATTEMPTS, HubError, hub_failures, patiently, plain_reason


def refusal(status: int, headers: dict[str, str] | None = None, message: str = "Go away") -> HfHubHTTPError:
    """An answer that is not a success."""
    request = httpx2.Request("POST", "https://hub.test/api")
    response = httpx2.Response(status, headers=headers or {}, request=request)
    return HfHubHTTPError(f"{status} Client Error", response=response, server_message=message)


def told_of(error: Exception) -> HubError:
    """What becomes of an error."""
    with pytest.raises(HubError) as found, hub_failures("take it"):
        raise error
    assert "\n" not in str(found.value)
    return found.value


@pytest.mark.parametrize(
    ("error", "transient", "told"),
    [
        (refusal(500), True, "did not take it (500): Go away; repeat"),
        (refusal(409), True, "(409)"),
        (refusal(412), True, "(412)"),
        (refusal(404), False, "(404)"),
        (refusal(401), False, "does not accept the token"),
        (refusal(403), False, "does not let you take it: Go away; use a token that may, or propose"),
        (refusal(429, {"Retry-After": "3"}), True, "in 3 s"),
        (refusal(429, {"RateLimit": '"api";r=0;t=50'}), True, "in 50 s"),
        (refusal(429, {"RateLimit": '"api";r=9;t=50'}), True, "repeat the command,"),
        (refusal(429, {"Retry-After": "301"}), False, "in 301 s"),
        (refusal(500, message=""), True, "500 Client Error"),
        (httpx2.ReadTimeout("too slow"), True, "too slow"),
        (RuntimeError("Error while uploading 'a'\nmore"), True, "Error while uploading 'a'; repeat"),
        (ConnectionResetError("gone"), True, "gone"),
        (OfflineModeIsEnabled("no"), False, "HF_HUB_OFFLINE"),
        (ValueError("Invalid metadata in README.md.\n- license"), False, "Invalid metadata"),
    ],
    ids=lambda value: None if isinstance(value, bool | str) else type(value).__name__,
)
def test_each_failure_is_told_by_what_can_be_done(error: Exception, transient: bool, told: str) -> None:
    found = told_of(error)
    assert found.transient is transient
    assert told in str(found)
    assert found.exit_code == 3


@given(st.text(alphabet="abcXYZ019_", min_size=4, max_size=40), st.text(max_size=20))
def test_a_token_in_a_foreign_message_is_not_passed_on(token: str, around: str) -> None:
    assert f"hf_{token}" not in str(told_of(RuntimeError(f"{around} hf_{token} {around}")))


def test_an_empty_message_is_told_by_its_kind() -> None:
    assert plain_reason(RuntimeError("")) == "RuntimeError"


def test_only_what_may_pass_is_tried_again() -> None:
    waits: list[float] = []
    tries = 0

    def fail(transient: bool, wait_s: float = 0) -> None:
        nonlocal tries
        tries += 1
        raise HubError("no", transient=transient, wait_s=wait_s)

    for transient, wait_s, due in ((True, 0, [1, 2, 4, 8]), (True, 5, [5, 5, 5, 8]), (False, 0, [])):
        waits.clear()
        tries = 0
        with pytest.raises(HubError, match="no"):
            patiently(waits.append)(fail, transient, wait_s)
        assert waits == due
        assert tries == (ATTEMPTS if transient else 1)
