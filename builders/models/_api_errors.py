"""Classifies an endpoint's errors: pure functions from status, headers and bytes to a failure.

What they quote is whole; the caller takes the key out first, and then shortens it.
"""

import json
import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, NamedTuple

from ...schemas.inference import Failed, FailureReason

# Long enough for the sentence that explains an error, and too short for a dialogue that an endpoint echoes.
_DETAIL_LENGTH = 300
# Characters of an error that are looked at; no server explains itself at greater length.
_MOST_QUOTED = 16_384
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|\x9b[0-?]*[ -/]*[@-~]")
_FILTER_WORDS = re.compile(
    r"content[_ -]?(?:filter|policy|management)|responsibleai|moderation|flagged|data_?inspection|content exists risk"
    r"|prohibited[_ ]content|sensitive content|safety (?:system|filter|polic)",
    re.IGNORECASE,
)
_SPENT_CODE = re.compile(
    r"^(?:insufficient_(?:user_)?(?:quota|balance|credits?|funds)|billing_\w+|payment_required|arrearage|credit_\w+"
    r"|balance_\w+)$",
    re.IGNORECASE,
)
_SPENT_WORDS = re.compile(
    r"insufficient (?:account )?(?:quota|balance|credits?|funds)|(?:credit balance|balance) is too low|out of credits"
    r"|payment required",
    re.IGNORECASE,
)
# What an error means that has no HTTP status of its own, in the words of many makers; the first that fits counts.
_MEANINGS = (
    (
        401,
        re.compile(r"api_?key|authenticat|unauthori[sz]ed|permission|forbidden|access_?denied", re.IGNORECASE),
        re.compile(
            r"(?:invalid|incorrect|missing|expired|no|wrong).{0,20}(?:api[ _-]?key|access token|credential)"
            r"|unauthori[sz]ed|authentication (?:failed|error)|login fail",
            re.IGNORECASE,
        ),
    ),
    (
        404,
        re.compile(r"(?:model|deployment)_?not_?found|not_?found_error|no_?such_?model|unknown_?model", re.IGNORECASE),
        re.compile(r"(?:model|deployment)\b.{0,80}(?:not found|does not exist|not exist)", re.IGNORECASE),
    ),
    (
        429,
        re.compile(r"rate_?limit|too_?many_?requests|resource_?exhausted|throttl|requests_limit", re.IGNORECASE),
        re.compile(r"rate limit|too many requests|throttl|requests per (?:minute|second|day)", re.IGNORECASE),
    ),
    (
        400,
        re.compile(
            r"invalid_?(?:request|argument|param|prompt|value)|bad_?request|context_length|unsupported|unknown_parameter",
            re.IGNORECASE,
        ),
        re.compile(r"(?:context length|too long|invalid (?:request|argument|parameter))", re.IGNORECASE),
    ),
)
# The status of an error that names no other: as if the service were unavailable, so that it is tried again.
_IN_PASSING = 503


class HttpAnswer(NamedTuple):
    """An HTTP answer, as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ApiError(NamedTuple):
    """The content of an error response, whatever its form."""

    message: str
    code: str = ""
    param: str = ""
    kind: str = ""
    """Its type, where it has one beside its code."""

    @property
    def is_filter(self) -> bool:
        """Whether the provider's content filter speaks."""
        return any(_FILTER_WORDS.search(text) for text in (self.code, self.kind, self.message))

    @property
    def is_spent(self) -> bool:
        """Whether the account has no money left, which no waiting mends."""
        return bool(_SPENT_CODE.search(self.code) or _SPENT_CODE.search(self.kind) or _SPENT_WORDS.search(self.message))

    @property
    def status(self) -> int:
        """The HTTP status that it would have had, for an error that came under 200."""
        if self.is_spent:
            return 402
        if re.fullmatch(r"[45]\d\d", self.code):
            return int(self.code)
        if self.is_filter:
            return 400
        for status, codes, words in _MEANINGS:
            if codes.search(self.code) or codes.search(self.kind) or words.search(self.message):
                return status
        return _IN_PASSING

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.code else self.message


def shorten(text: str) -> str:
    """`text` on one line, of a length fit for a record, without anything that a terminal or an editor obeys.

    Terminal escapes go as a whole; of other control and format characters (C0, C1, marks that turn the direction of
    text round, characters of no width) each white one becomes a space, and the rest go.
    """
    # Not `schemas.escape.one_line`: the text is recorded and enters rows, so released tables pin this form.
    head = _ESCAPES.sub("", as_unicode(text[:_MOST_QUOTED]))
    if not (head.isascii() and head.isprintable()):
        head = "".join(_shown(letter) for letter in head)
    flat = " ".join(head.split())
    return flat if len(flat) <= _DETAIL_LENGTH else f"{flat[:_DETAIL_LENGTH]}…"


def _shown(letter: str) -> str:
    if letter.isspace():
        return " "
    return "" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") else letter


def read_error(body: bytes) -> ApiError:
    """The error in a body: OpenAI's form, FastAPI's `detail`, other makers', or plain text."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ApiError(text_of(body)[:_MOST_QUOTED] or "an empty answer")
    return error_in(found) or _error_of(found)


def error_in(found: Any) -> ApiError | None:
    """The error that a JSON body states beside or in place of an answer; None where it states none."""
    if not isinstance(found, dict):
        return None
    for name in ("error", "errors"):
        if inner := found.get(name):
            return _error_of(inner[0] if isinstance(inner, list) else inner)
    base = found.get("base_resp")  # MiniMax: 0 is success
    if isinstance(base, dict) and base.get("status_code"):
        return ApiError(_words(base.get("status_msg")), _words(base["status_code"]))
    if found.get("error_code") or found.get("error_msg"):  # ERNIE
        return ApiError(_words(found.get("error_msg")), _words(found.get("error_code")))
    return _error_of(found) if found.get("object") == "error" else None


def flat_error_in(found: Any) -> ApiError | None:
    """The error that a JSON body without an answer is by itself, as DashScope and FastAPI write it."""
    if isinstance(found, dict) and any(isinstance(found.get(name), str) for name in ("message", "detail", "msg")):
        return _error_of(found)
    return None


# One error object, or whatever is in its place.
def _error_of(inner: Any) -> ApiError:
    if not isinstance(inner, dict):
        return ApiError(_words(inner))
    message = inner.get("message") or inner.get("detail") or inner.get("msg") or inner
    named = [_words(inner[name]) for name in ("code", "type", "status") if inner.get(name)]
    code, kind = (*named[:2], "", "")[:2]
    return ApiError(_words(message), code, _words(inner.get("param") or ""), kind)


def _words(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return as_unicode(text[:_MOST_QUOTED])


def read_failure(key: str, answer: HttpAnswer, error: ApiError, now: Callable[[], float] = time.time) -> Failed | None:
    """The failure of one call that an error means; None where the endpoint as a whole is of no use.

    An error that came under 200 is judged by the status that it should have had.
    """
    status, said = answer.status, f"HTTP {answer.status}"
    if status == 200:
        status, said = error.status, "an error under HTTP 200"
    detail = f"{said}: {error}"
    if status == 429:
        if error.is_spent:
            return None
        reason = FailureReason.RATE_LIMITED
    elif status >= 500 or status in (408, 409):
        reason = FailureReason.SERVER_ERROR
    elif status in (400, 403, 422) and error.is_filter:
        return Failed(key=key, reason=FailureReason.REFUSED, detail=detail)
    elif status in (400, 413, 422):
        if error.is_spent:
            return None
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


def text_of(body: bytes) -> str:
    """A body as text, whatever its bytes."""
    return body[: 4 * _MOST_QUOTED].decode(errors="replace").strip()


def as_unicode(text: str) -> str:
    """`text` with `?` for halves of surrogate pairs, which neither a file nor a schema takes."""
    return text if text.isascii() else text.encode(errors="replace").decode()
