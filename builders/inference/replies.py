"""What an endpoint's answers mean: pure functions from status, headers and bytes to an outcome.

What they quote is whole; whoever passes it on takes the key out first, and then shortens it.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, NamedTuple

from ...schemas.inference import Completion, Failed, FailureReason, Outcome

_DETAIL_LENGTH = 300
_FILTER_WORDS = re.compile(
    r"content[_ -]?(?:filter|policy|management)|responsibleai|moderation|flagged|data_?inspection|content exists risk",
    re.IGNORECASE,
)


class Answer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ApiError(NamedTuple):
    """What an error answer says, whatever its form."""

    message: str
    code: str = ""
    param: str = ""

    @property
    def is_filter(self) -> bool:
        """Whether the provider's content filter speaks."""
        return bool(_FILTER_WORDS.search(self.code) or _FILTER_WORDS.search(self.message))

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.code else self.message


def shorten(text: str) -> str:
    """`text` on one line, as valid Unicode, of a length fit for a record."""
    flat = " ".join(_unicode(text).split())
    return flat if len(flat) <= _DETAIL_LENGTH else f"{flat[:_DETAIL_LENGTH]}…"


def read_reply(key: str, body: bytes, *, structured: bool) -> Outcome:
    """What the body of a 200 says about the request `key`: a reply, a refusal, or `malformed`."""
    try:
        found = json.loads(body)
        choice = found["choices"][0]
        message = choice["message"]
        text, refusal, finish = message.get("content"), message.get("refusal"), choice.get("finish_reason")
    except (ValueError, RecursionError):
        return Failed(key=key, reason=FailureReason.MALFORMED, detail=f"no JSON: {_text_of(body)}")
    except (LookupError, TypeError, AttributeError):
        return Failed(key=key, reason=FailureReason.MALFORMED, detail=f"no choice: {read_error(body)}")
    if refusal or (finish == "content_filter" and not text):
        return Failed(key=key, reason=FailureReason.REFUSED, detail=_unicode(str(refusal or "content_filter")))
    if text is None and finish == "length":
        text = ""  # all tokens went into reasoning: cut off, which is an answer, and the same next time
    if not isinstance(text, str) or _unicode(text) != text:
        return Failed(key=key, reason=FailureReason.MALFORMED, detail=f"no content: {_text_of(body)}")
    usage = found.get("usage")
    return Completion(
        key=key,
        text=text,
        finish_reason=finish if isinstance(finish, str) else "unknown",
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        structured=structured,
    )


def read_error(body: bytes) -> ApiError:
    """What an error body says: OpenAI's form, FastAPI's `detail`, or plain text."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ApiError(_text_of(body) or "an empty answer")
    inner = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(inner, dict):
        return ApiError(_unicode(inner) if isinstance(inner, str) else json.dumps(inner))
    message = inner.get("message") or inner.get("detail") or inner
    text = message if isinstance(message, str) else json.dumps(message)
    code, param = inner.get("code") or inner.get("type") or "", inner.get("param") or ""
    return ApiError(_unicode(text), _unicode(str(code)), str(param))


def read_failure(key: str, answer: Answer, error: ApiError, now: Callable[[], float] = time.time) -> Failed | None:
    """The failure of one call that an answer other than 200 means; None where the endpoint as a whole is of no use."""
    status, detail = answer.status, f"HTTP {answer.status}: {error}"
    if status == 429:
        if error.code == "insufficient_quota":
            return None
        reason = FailureReason.RATE_LIMITED
    elif status >= 500 or status in (408, 409):
        reason = FailureReason.SERVER_ERROR
    elif status in (400, 403, 422) and error.is_filter:
        return Failed(key=key, reason=FailureReason.REFUSED, detail=detail)
    elif status in (400, 413, 422):
        return Failed(key=key, reason=FailureReason.BAD_REQUEST, detail=detail)
    else:
        return None
    return Failed(key=key, reason=reason, detail=detail, retry_after_s=read_retry_after(answer.headers, now))


def read_retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds that the endpoint asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if isfinite(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(headers["Retry-After"]).timestamp() - now())
    except (KeyError, ValueError, TypeError, OverflowError, IndexError):
        return None


def model_names(body: bytes) -> list[str]:
    """The ids in the body of a `/models` answer; empty where it is none."""
    try:
        return [str(model["id"]) for model in json.loads(body)["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []


def _text_of(body: bytes) -> str:
    return body.decode(errors="replace").strip()


def _unicode(text: str) -> str:
    """`text` with `?` for halves of surrogate pairs, which neither a file nor a schema takes."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0
