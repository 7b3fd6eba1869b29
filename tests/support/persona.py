"""A model for the chat server that plays every role, so that a build keeps some candidates and drops others."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import Step

_ERRORS = ("none", "lack_of_empathy", "early_emotion_shift", "template_response")


def play_role(body: dict[str, Any]) -> str:
    """The reply to a request body, by what its system message asks for; the same body gets the same reply.

    Judges who compare two sides see in each what they see in it beside any other. Of human replies one in five is
    flawed, of invented ones three in four, of rewritten ones none.
    """
    system, last = body["messages"][0]["content"], body["messages"][-1]["content"]
    number = _number_of(json.dumps([body["messages"], body.get("seed")]))
    strategy = list(Strategy)[number % 8]
    if system.startswith("You plan"):
        return f"{strategy.value}."
    if system.startswith("You examine two replies"):
        return _compare(_between(last, "\n\nReply A:\n", "\n\nReply B:\n"), _flaw_of_reply)
    if system.startswith("You examine two strategies"):
        history = last.partition("\n\nStrategy A: ")[0]
        found = _between(last, "\n\nStrategy A: ", "\n\nStrategy B: ")
        return _compare(found, lambda name: "strategy_mismatch" if _number_of(history + name) % 3 == 0 else "none")
    if system.startswith("You are a supporter"):
        return _trace(last, strategy, number)
    if system.startswith("You examine how"):
        return json.dumps({step: {"correct": bool(_number_of(f"{last}{step}") % 4), "why": "So."} for step in Step})
    if system.startswith("You rewrite one reply"):
        return f"Oh dear. {last.rpartition(':')[2].strip()}"
    if system.startswith("A supporter's reply"):
        return json.dumps({"same_strategy": True, "same_facts": bool(number % 3), "rationale": "It was told so."})
    if system.startswith("You examine"):
        invented = "invented reply" in last
        error = _ERRORS[1 + number % 3] if invented else "none"
        return json.dumps({"error": error, "rationale": "It was told so."})
    if system.startswith("You read a whole"):
        return json.dumps({"crisis": "none", "turn": None, "rationale": "Nothing of the kind."})
    if system.startswith("You help to improve"):
        return f"A rewritten reply about what you told me, {_spelt(number)}."
    if "in square brackets" in system:
        return f"[{strategy}] An invented reply, number {number}."
    return f"An invented reply, number {number}."


def play_role_of_panels(body: dict[str, Any]) -> str:
    """The same with replies in letters alone, and with the words that they answer, as far as these are few."""
    said = play_role(body)
    if "An invented reply" not in said:
        return said
    head, _, number = said.partition("An invented reply, number ")
    words = " ".join(body["messages"][-1]["content"].split()[:12])
    return f"{head}An invented reply, number {_spelt(int(number[:-1]))}: you said {words}"


def _trace(transcript: str, strategy: Strategy, number: int) -> str:
    """A trace about what the seeker said last; one in five has a cue of the face, which no turn of the sample has."""
    line = [line for line in transcript.splitlines() if line.startswith("seeker: ")][-1]
    words = " ".join(line.removeprefix("seeker: ").partition(" [")[0].split()[:12])
    fields = {
        "history": words,
        "emotion": "sadness",
        "intensity": 3,
        "cause": words,
        "cues": [{"modality": "text" if number % 5 else "face", "description": words}],
        "strategy": strategy.value,
        "why": "it fits",
        "reply": f"An invented answer, {_spelt(number)}, about {words}",
    }
    return json.dumps(fields)


def _between(text: str, first: str, second: str) -> tuple[str, str]:
    a, _, b = text.partition(first)[2].partition(second)
    return a, b


def _compare(sides: tuple[str, str], flaw_of: Callable[[str], str]) -> str:
    a, b = (flaw_of(side) for side in sides)
    better = "tie" if (a == "none") is (b == "none") else "a" if a == "none" else "b"
    return json.dumps({"a": a, "b": b, "better": better, "rationale": "It was told so."})


def _flaw_of_reply(reply: str) -> str:
    number = _number_of(reply)
    if "rewritten reply" in reply:
        return "none"
    flawed = number % 4 if "invented reply" in reply else number % 5 == 0
    return _ERRORS[1 + number % 3] if flawed else "none"


def _number_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _spelt(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))
