"""Errors of the Hub as one exception class, which says whether a retry may help."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from ...schemas.errors import EndpointError

ATTEMPTS = 5
# Longer waits are left to the user, who may have better things to do than to watch a command sleep.
_LONGEST_WAIT_S = 120.0
# And every 5xx status: the same request may succeed later. The caller finds out whether 409 and 412 were ours.
_TRANSIENT = frozenset({408, 409, 412, 425, 429})

# Error messages of the Hub may quote the request, and with it the token.
_TOKEN = re.compile(r"\bhf_\w+")


class HubError(EndpointError):
    """A request to the Hub failed. If the response was lost, the Hub may still have carried it out."""

    def __init__(self, message: str, *, transient: bool, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.transient = transient
        self.wait_s = wait_s
        """Seconds that the Hub asks us to wait."""


@contextmanager
def hub_failures(doing: str) -> Iterator[None]:
    """Turns every exception of the Hub's client into a `HubError`; `doing` names the request, such as `create a tag`.

    Raises:
        HubError: the Hub refused, failed, or could not be reached.
    """
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is its HTTP library's, whichever
        HfHubHTTPError,
        HTTPError,
        OfflineModeIsEnabled,
    )

    try:
        yield
    except HfHubHTTPError as error:
        raise _refused(doing, error) from error
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set: unset it to publish", transient=False) from error
    except ValueError as error:  # what the client finds wrong by itself, and card metadata that the Hub refuses
        raise HubError(f"the Hub does not take it ({doing}): {plain_reason(error)}", transient=False) from error
    except (HTTPError, OSError, RuntimeError) as error:  # no answer, a cut one, an upload that failed
        message = f"the Hub did not {doing}: {plain_reason(error)}; repeat the command, it goes on where it was"
        raise HubError(message, transient=True) from error


def _refused(doing: str, error: Exception) -> HubError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    reason = plain_reason(getattr(error, "server_message", None) or error)
    if status == 401:
        return HubError(
            "the Hub does not accept the token (HF_TOKEN, or that of `hf auth login`); it may have expired: set a "
            "valid one and repeat the command",
            transient=False,
        )
    if status == 403:
        advice = "use a token that may, or propose the release with --pr"
        return HubError(f"the Hub does not let you {doing}: {reason}; {advice}", transient=False)
    wait_s = _asked_to_wait(getattr(response, "headers", {}))
    transient = (status in _TRANSIENT or status >= 500) and wait_s <= _LONGEST_WAIT_S
    later = f" in {wait_s:.0f} s" if wait_s else ""
    message = f"the Hub did not {doing} ({status}): {reason}; repeat the command{later}, it goes on where it was"
    return HubError(message, transient=transient, wait_s=wait_s)


# Seconds, from `Retry-After` or from the Hub's own `RateLimit: "api";r=0;t=55`.
def _asked_to_wait(headers: "dict[str, str]") -> float:
    after = str(headers.get("Retry-After", ""))
    if after.isdigit():
        return float(after)
    found = re.search(r"\br=0;\s*t=(\d+)", str(headers.get("RateLimit", "")))
    return float(found[1]) if found else 0.0


def plain_reason(what: object) -> str:
    """The first line of a message that came from elsewhere, without anything that looks like a token."""
    lines = [line.strip() for line in str(what).splitlines() if line.strip()]
    return _TOKEN.sub("hf_…", lines[0] if lines else type(what).__name__)


def patiently(sleep: Callable[[float], None]) -> Retrying:
    """Retries after transient failures: five attempts, after 1, 2, 4 and 8 s, or the time that the Hub asks for."""
    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, HubError) and error.transient),
        wait=_wait,
        stop=stop_after_attempt(ATTEMPTS),
        sleep=sleep,
        reraise=True,
    )


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(wait_exponential(max=30)(state), getattr(error, "wait_s", 0.0))
