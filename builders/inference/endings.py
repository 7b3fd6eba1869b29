"""What the word by which an endpoint ends a reply means: whole, cut off, filtered, or broken.

Only words of a list are good. An ending that is broken, unknown or missing says nothing of the reply being whole, so
the call is repeated, and is a failure in the end. A missing word counts like an unknown one: the protocol requires it,
and a proxy that lost its upstream in the middle of a reply sends none either.
"""

import re
from enum import StrEnum


class Ending(StrEnum):
    """How a reply ended."""

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
    for ending, words in ((Ending.WHOLE, _WHOLE), (Ending.CUT_OFF, _CUT_OFF), (Ending.FILTERED, _FILTERED))
    for word in words.split()
}
_MOST_LETTERS = 60
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def ending_of(word: object) -> Ending:
    """What an endpoint's `finish_reason` means, whatever its case and spelling: `endTurn`, `END-TURN`, `end_turn`."""
    if word == "stop":  # nearly every call
        return Ending.WHOLE
    if not isinstance(word, str) or len(word) > _MOST_LETTERS:
        return Ending.BROKEN
    plain = re.sub(r"[\s.-]+", "_", _HUMP.sub("_", word.strip())).casefold()
    return _MEANINGS.get(plain.removeprefix("finish_reason_"), Ending.BROKEN)
