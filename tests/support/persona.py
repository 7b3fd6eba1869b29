"""A model for the chat server that plays every role, so that a build keeps some candidates and drops others."""

import hashlib
import json
from typing import Any

from ipm_prefdial.schemas.strategy import Strategy

_ERRORS = ("none", "lack_of_empathy", "early_emotion_shift", "template_response")


def play_role(body: dict[str, Any]) -> str:
    """The reply to a request body, by what its system message asks for; the same body gets the same reply."""
    system, last = body["messages"][0]["content"], body["messages"][-1]["content"]
    number = int(hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()[:8], 16)
    strategy = list(Strategy)[number % 8]
    if system.startswith("You plan"):
        return f"{strategy.value}."
    if system.startswith("You examine"):
        invented = "invented reply" in last
        error = _ERRORS[1 + number % 3] if invented else "none"
        return json.dumps({"error": error, "rationale": "It was told so."})
    if "in square brackets" in system:
        return f"[{strategy}] An invented reply, number {number}."
    return f"An invented reply, number {number}."
