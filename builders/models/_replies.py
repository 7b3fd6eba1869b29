"""Reads the body of a 200: the reply, its finish reason, its usage and its oddities. Pure functions.

Every answer is decided here, when it is received, live and in batches alike; so what counts as an answer is one thing
for every release, and rebuilding from records decides nothing again.
"""

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from ...schemas.inference import Completion, Failed, FailureReason, Outcome
from ._api_errors import ApiError, as_unicode, error_in, flat_error_in, read_error, text_of
from .thoughts import canonical_thoughts, wrap_thoughts

# What the word by which an endpoint ends a reply means: whole, cut off, filtered, or broken.
#
# Only words of a list are good. An ending that is broken, unknown or missing says nothing of the reply being whole,
# so the call is repeated, and is a failure in the end. A missing word counts like an unknown one: the protocol
# requires it, and a proxy that lost its upstream in the middle of a reply sends none either.


class ReplyEnding(StrEnum):
    """The ending of a reply."""

    WHOLE = "whole"
    """The model came to its end, or to a stop sequence."""
    CUT_OFF = "cut_off"
    """A limit on tokens or on the context was reached; the same request ends so again."""
    FILTERED = "filtered"
    """A filter of the provider's stopped the reply, or the model declined."""
    BROKEN = "broken"
    """Anything else; another try may mend it."""


# OpenAI, Anthropic, Cohere, Gemini, Mistral, TGI, Together, watsonx, ERNIE, Bedrock, llama.cpp, LM Studio, Yandex.
_WHOLE = """
    stop stopped eos eos_token eos_found eod end_of_text endoftext end_turn end_of_turn end stop_token stop_sequence
    stop_string stop_string_found stop_word stop_words word complete completed done finish finished normal success
    alternative_status_final
"""
_CUT_OFF = """
    length max_tokens max_token max_length max_new_tokens max_output max_output_tokens max_completion_tokens
    max_tokens_reached max_predicted_tokens_reached model_length context_length context_length_exceeded
    context_length_reached context_window_exceeded model_context_window_exceeded token_limit token_limit_reached
    error_limit limit truncated alternative_status_truncated_final
"""
_FILTERED = """
    content_filter content_filtered content_policy content_policy_violation filter filtered safety sensitive refusal
    refused recitation blocklist blacklist prohibited_content spii image_safety language error_toxic
    guardrail_intervened guardrails moderation flagged blocked alternative_status_content_filter
"""
_MEANINGS = {
    word: ending
    for ending, words in (
        (ReplyEnding.WHOLE, _WHOLE),
        (ReplyEnding.CUT_OFF, _CUT_OFF),
        (ReplyEnding.FILTERED, _FILTERED),
    )
    for word in words.split()
}
# A longer text is no finish reason, and is not normalised.
_MOST_LETTERS = 60
# `endTurn` is read as `end_turn`.
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def ending_of(word: object) -> ReplyEnding:
    """The ending that an endpoint's `finish_reason` means, in any case and spelling, such as `endTurn`."""
    if word == "stop":  # nearly every call
        return ReplyEnding.WHOLE
    if not isinstance(word, str) or len(word) > _MOST_LETTERS:
        return ReplyEnding.BROKEN
    plain = re.sub(r"[\s.-]+", "_", _HUMP.sub("_", word.strip())).casefold()
    return _MEANINGS.get(plain.removeprefix("finish_reason_"), ReplyEnding.BROKEN)


# Whether the name under which an endpoint answered is the one that was asked for.
#
# A served name may be another way to write it: with or without an organisation, as a path to the weights, with the date
# or number of a snapshot where an alias was asked for (`gpt-4.1-mini` is served as `gpt-4.1-mini-2025-04-14`), with
# `latest`. It may not be another size, another family, or another snapshot than one that was asked for by its date.


# Servers name a model by its file, its tag or its date; what is left without these is compared.
_FILE_END = re.compile(r"\.(?:gguf|safetensors|bin|pt)$")
_TAG = re.compile(r"(?:@[^/@]*|:(?:latest|free|main))$")
_STAMP = re.compile(r"[-_.](?:latest|preview|exp|\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|\d{2}-\d{2}(?:-\d{2,4})?)$")
_NO_STAMP = ("latest", "preview", "exp")
# Bounds on the name that an endpoint reports, which may be anything.
_SERVED_MOST_LETTERS = 400
_PARTS = 8


def is_same_model(asked: str, served: str) -> bool:
    """Whether `served` may be the model that was asked for as `asked`."""
    if asked == served:
        return True
    asked_names, served_names = _names(asked), _names(served)
    return any(_agree(asked_names[-1], name) for name in served_names) or any(
        _agree(name, served_names[-1]) for name in asked_names
    )


# The parts of a path; any may be the model's name, most likely the last.
def _names(name: str) -> list[str]:
    plain = _TAG.sub("", name[:_SERVED_MOST_LETTERS].casefold().strip().rstrip("/\\"))
    parts = [_FILE_END.sub("", part) for part in re.split(r"/|\\|--", plain) if part]
    return parts[-_PARTS:] or [""]


# Whether two names without paths are one model, the same snapshot where both name one.
def _agree(one: str, other: str) -> bool:
    (base, stamp), (other_base, other_stamp) = _stamped(one), _stamped(other)
    if not base or base != other_base:
        return False
    return stamp == other_stamp or stamp is None or other_stamp is None


def _stamped(name: str) -> tuple[str, str | None]:
    stamps = []
    while found := _STAMP.search(name):
        name = name[: found.start()]
        if found[0][1:] not in _NO_STAMP:
            stamps.append(found[0][1:].replace("-", ""))
    return name, "-".join(stamps) or None


MOST_REPLY = 400_000
"""Characters of a reply, some 100,000 tokens; a longer one is not a reply of a supporter, planner or judge."""
# The words that released steps know for a reply that was cut off.
_CUT_OFF_WORDS = ("length", "max_tokens")
_TEXT_PARTS = ("text", "output_text")
_THOUGHT_PARTS = ("thinking", "reasoning", "reasoning_content", "redacted_thinking")
# Tokens that a provider's own instructions and a chat template may add to what was sent.
_HIDDEN_PROMPT = 32_768
# Servers count tokens in different ways, so only a count far above the limit is implausible.
_OVERRUN = 1_024
# More tokens than any model thinks before it answers.
_HIDDEN_THOUGHTS = 1_000_000


class Sent(NamedTuple):
    """The parts of a request that bound its answer."""

    key: str
    model: str
    """The name that was asked for."""
    structured: bool
    """Whether the endpoint was asked to hold the reply to a JSON Schema."""
    size: int
    """Bytes of the body that was sent; no tokeniser makes more tokens of them."""
    max_tokens: int


class ReadReply(NamedTuple):
    """The reading of a 200."""

    outcome: Outcome | ApiError
    """An error that came under 200 is as good as one that came by itself."""
    served: str | None = None
    """The model's name where it is not the one that was asked for."""
    odd_usage: bool = False
    """Whether it told numbers of tokens that no such call can have; they count as 0."""


class _NoReplyError(Exception):
    """The body holds no reply; `args` are the reason and the words for it."""


def read_reply(sent: Sent, body: bytes) -> ReadReply:
    """Reads the body of a 200 to a request."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ReadReply(_malformed(sent, f"no JSON: {text_of(body)}"))
    try:
        choice = found["choices"][0]
        message = choice["message"]
        error = error_in(found) or error_in(choice) or error_in(message)
        if error is None:
            outcome, odd_usage = _read_choice(sent, found, choice, message)
            return ReadReply(outcome, _other_name(sent.model, found.get("model")), odd_usage)
    except _NoReplyError as problem:
        reason, said = problem.args
        return ReadReply(Failed(key=sent.key, reason=reason, detail=as_unicode(said)))
    except (LookupError, TypeError, AttributeError):
        error = error_in(found) or flat_error_in(found)
    return ReadReply(error or _malformed(sent, f"no choice: {read_error(body)}"))


def _read_choice(sent: Sent, found: Any, choice: Any, message: Any) -> tuple[Completion, bool]:
    word, refusal = choice.get("finish_reason"), message.get("refusal")
    ending = ending_of(word)
    # Before the text is looked at: a refusal may come with a text that looks like a reply.
    if refusal or ending is ReplyEnding.FILTERED:
        raise _NoReplyError(FailureReason.REFUSED, str(refusal or word))
    if ending is ReplyEnding.BROKEN:
        raise _NoReplyError(*_broken(word))
    thought = _has_thoughts(message)
    text = _text_of_content(message.get("content"), cut_off=ending is ReplyEnding.CUT_OFF, thought=thought)
    if len(text) > MOST_REPLY:
        raise _NoReplyError(FailureReason.MALFORMED, f"a reply of {len(text)} characters, more than {MOST_REPLY}")
    usage = found.get("usage")
    thinks = thought or text.lstrip()[:6].casefold() == "<think" or _count_of_thoughts(usage) > 0
    most = 2 * sent.max_tokens + _OVERRUN + (_HIDDEN_THOUGHTS if thinks else 0)
    prompt_tokens = _count(usage, "prompt_tokens", sent.size + _HIDDEN_PROMPT)
    completion_tokens = _count(usage, "completion_tokens", most)
    if not (text.strip() or thought or prompt_tokens or completion_tokens) and ending is ReplyEnding.WHOLE:
        raise _NoReplyError(FailureReason.MALFORMED, "an empty reply without usage")
    completion = Completion(
        key=sent.key,
        text=text,
        finish_reason="length" if ending is ReplyEnding.CUT_OFF and word not in _CUT_OFF_WORDS else str(word),
        prompt_tokens=prompt_tokens or 0,
        completion_tokens=completion_tokens or 0,
        structured=sent.structured,
    )
    return completion, prompt_tokens is None or completion_tokens is None


# The failure of a reply whose ending is none: the endpoint's own where it says so, ours to read otherwise.
def _broken(word: object) -> tuple[FailureReason, str]:
    if isinstance(word, str) and word.strip():
        return FailureReason.SERVER_ERROR, f"the reply ended as {word[:100]!r}, so it is not whole"
    return FailureReason.MALFORMED, "no finish_reason: whether the reply is whole cannot be told"


# The words of a message, with thoughts in `<think>`.
def _text_of_content(content: Any, *, cut_off: bool, thought: bool) -> str:
    if content is None and (cut_off or thought):
        return ""  # all tokens went into reasoning: an answer, and the same next time
    text = content if isinstance(content, str) else "".join(_parts(content))
    if not isinstance(content, str | list | dict) or as_unicode(text) != text:
        raise _NoReplyError(FailureReason.MALFORMED, "no content: it is not text")
    return canonical_thoughts(text)


# The texts of content in parts, as OpenAI, Anthropic and Mistral write them.
def _parts(content: Any) -> Iterator[str]:
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if isinstance(part, str):
            yield part
        elif kind in _TEXT_PARTS and isinstance(part.get("text"), str):
            yield part["text"]
        elif kind in _THOUGHT_PARTS:
            inner = next((part[name] for name in ("thinking", "text", "reasoning", "summary") if part.get(name)), "")
            yield wrap_thoughts(inner if isinstance(inner, str) else "".join(_inner_parts(inner)))
        elif kind == "refusal":
            raise _NoReplyError(FailureReason.REFUSED, str(part.get("refusal")))
        else:
            raise _NoReplyError(FailureReason.MALFORMED, f"no content: a part of type {str(kind)[:100]!r}")


def _inner_parts(parts: Any) -> Iterator[str]:
    for part in parts if isinstance(parts, list) else ():
        words = part.get("text") if isinstance(part, dict) else part
        yield words if isinstance(words, str) else ""


# Whether the endpoint keeps the thoughts apart from the reply; what they say is not part of it.
def _has_thoughts(message: Any) -> bool:
    return any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details"))


# The served name where it tells of another model; an answer that names none says nothing of it.
def _other_name(asked: str, served: object) -> str | None:
    if not isinstance(served, str) or not served.strip() or is_same_model(asked, served):
        return None
    return served


def _count_of_thoughts(usage: Any) -> int:
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    number = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return number if isinstance(number, int) else 0


# A number of tokens; 0 where the answer has none, None where the call cannot have that many.
def _count(usage: Any, name: str, most: int) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    if value is None:
        return 0
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def _malformed(sent: Sent, said: str) -> Failed:
    return Failed(key=sent.key, reason=FailureReason.MALFORMED, detail=said)
