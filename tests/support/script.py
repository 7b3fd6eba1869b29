"""The script that plays every model in releases for tests: each answer follows from the request alone."""

import hashlib
import json
from collections.abc import Callable

from ipm_prefdial.prompts.parsers.trace import step_texts, write_steps
from ipm_prefdial.schemas.dialogue import Speaker
from ipm_prefdial.schemas.emotion import Emotion
from ipm_prefdial.schemas.inference import Ask, Completion, Failed, FailureReason, Outcome, Request, Role, Task
from ipm_prefdial.schemas.safety import CrisisCategory
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import Step

SCRIPTED_REPLY = "Scripted reply"
"""What every inferred reply begins with, so that the scripted judge knows it."""

REWRITTEN_REPLY = "Rewritten reply"
"""What every rewritten reply begins with; the scripted judge finds no fault in it."""

_SPELT = str.maketrans("0123456789", "abcdefghij")
_FLAWS = ("lack_of_empathy", "Premature Emotional Transition", "template_response")


def scripted_answer(request: Request) -> Outcome:
    """The answer to a request, decided by its key alone.

    One key in fifteen meets a failure, a refusal, a cut-off, empty or unreadable reply. The rest are good answers,
    a third of the verdicts fenced in Markdown. The judge finds an error in seven of eight scripted replies and in one
    of sixteen human ones. Of two sides it says of each the same beside any other, whichever stands first; there one in
    six human replies is flawed and a quarter of the strategies unfit, but one answer in twelve is turned around. One
    dialogue in twelve shows it a crisis.
    """
    number = int(request.key[:8], 16)
    match number % 100:
        case 0:
            return Failed(key=request.key, reason=FailureReason.REFUSED, detail="the filter said no")
        case 1:
            return Failed(key=request.key, reason=FailureReason.TIMEOUT, detail="no answer in 60 s")
        case 2:
            return _completion(request, "This one goes on and", finish_reason="length")
        case 3:
            return _completion(request, "", finish_reason="content_filter")
        case 4:
            return _completion(request, " … ")
        case 5 | 6:
            return _completion(request, "Supporter: hard to say { what this is")
    return _completion(request, _good_answer(request, number))


def spelt_answer(request: Request) -> Outcome:
    """The same with the numbers of replies spelt in letters, since a long number may be taken for a telephone's."""
    outcome = scripted_answer(request)
    if isinstance(outcome, Failed) or request.ask.role in (Role.JUDGE, Role.REASONER):
        return outcome
    return outcome.model_copy(update={"text": outcome.text.translate(_SPELT)})


def _good_answer(request: Request, number: int) -> str:
    strategy, ask = list(Strategy)[number % 8], request.ask
    match ask.task:
        case Task.PLANNER:
            return strategy.value if number % 3 else f"**{strategy.value.upper()}**\n"
        case Task.RESPONDER:
            return f"{SCRIPTED_REPLY} {number}, for whoever asks."
        case Task.JOINT:
            return f"[{strategy}] {SCRIPTED_REPLY} {number}, for whoever asks."
        case Task.REWRITER:
            return f"{REWRITTEN_REPLY} {number}, about what you told me."
        case Task.JUDGE if ask.other_reply is None:
            return _verdict(ask.reply or "", number)
        case Task.JUDGE:
            return _comparison(_flaw_of_reply, ask.reply or "", ask.other_reply or "", number)
        case Task.STRATEGY_JUDGE:
            return _comparison(_flaw_of_strategy(ask), str(ask.strategy), str(ask.other_strategy), number)
        case Task.REASONER:
            return _trace(ask, strategy, number)
        case Task.STEP_JUDGE:
            return _labels(ask, number)
        case Task.STYLIST:
            return f"{ask.reply} Said again, {number}." if number % 6 else f"{ask.reply} You should try {number}."
        case Task.STYLE_JUDGE:
            return json.dumps({"same_strategy": bool(number % 5), "same_facts": bool(number % 7), "rationale": "So."})
        case Task.CRISIS_JUDGE:
            return _sighting(_number_of(ask.history[0].text))


def _trace(ask: Ask, strategy: Strategy, number: int) -> str:
    """A trace in one of both forms; one in eight has a made-up cue, quotation or strategy."""
    said = [turn.text for turn in ask.history if turn.speaker is Speaker.SEEKER][-1]
    words = " ".join(said.replace('"', "").split()[:12])
    fields = {
        "history": f'They said: "{words}"' if number % 24 else 'They said: "nobody ever said that"',
        "emotion": list(Emotion)[number % len(Emotion)].value,
        "intensity": 1 + number % 5,
        "cause": words,
        "cues": [{"modality": "text" if number % 16 else "voice", "description": words}],
        "strategy": strategy.value if number % 32 else "Cheering Up",
        "why": f"rule {number % 5}",
        "reply": f"{SCRIPTED_REPLY} {str(number).translate(_SPELT)}, about {words}",
    }
    if number % 3:
        return json.dumps(fields)
    cues = f"{fields['cues'][0]['modality']}: {words.replace(';', ',')}"  # type: ignore[index]
    return "\n".join(write_steps({name: str(value) for name, value in fields.items()} | {"cues": cues}))


def _labels(ask: Ask, number: int) -> str:
    """Each step is right or wrong by its own words, and one answer in nine says it of one step too many."""
    assert ask.trace is not None
    numbers = [_number_of(text) for text in step_texts(ask.trace)]
    right = [bool(one % 4) for one in numbers]
    if number % 9 == 0:
        right[number % 4] = not right[number % 4]
    told = {step: {"correct": label, "why": f"Rule {number % 5}."} for step, label in zip(Step, right, strict=True)}
    return json.dumps(told) if number % 3 else f"```json\n{json.dumps(told, indent=1)}\n```"


def _verdict(reply: str, number: int) -> str:
    inferred = reply.startswith(SCRIPTED_REPLY)
    flawed = bool(number % 8) if inferred else not number % 16
    verdict = {"error": _FLAWS[number % 3] if flawed else "none", "rationale": f"Rule {number % 5}."}
    return json.dumps(verdict) if number % 3 else f"Here it is:\n```json\n{json.dumps(verdict, indent=1)}\n```"


def _comparison(flaw_of: Callable[[str], str], a: str, b: str, number: int) -> str:
    flaws = [flaw_of(a), flaw_of(b)]
    if number % 12 == 0:
        flaws.reverse()
    sound = [flaw == "none" for flaw in flaws]
    better = "tie" if sound[0] is sound[1] else "a" if sound[0] else "b"
    found = {"a": flaws[0], "b": flaws[1], "better": better, "rationale": f"Rule {number % 5}."}
    return json.dumps(found) if number % 3 else f"```json\n{json.dumps(found, indent=1)}\n```"


def _sighting(number: int) -> str:
    if number % 12:
        return json.dumps({"crisis": "none", "turn": None, "rationale": "Nothing of the kind."})
    return json.dumps({"crisis": list(CrisisCategory)[number % 3], "turn": 0, "rationale": "It is said there."})


def _flaw_of_reply(reply: str) -> str:
    number = _number_of(reply)
    if reply.startswith(REWRITTEN_REPLY):
        return "none"
    flawed = bool(number % 8) if reply.startswith(SCRIPTED_REPLY) else not number % 6
    return _FLAWS[number % 3] if flawed else "none"


def _flaw_of_strategy(ask: Ask) -> Callable[[str], str]:
    """What is wrong with a strategy after this history."""
    said = "\n".join(turn.text for turn in ask.history)
    return lambda strategy: "none" if _number_of(f"{said}\n{strategy}") % 4 else "strategy_mismatch"


def _number_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _completion(request: Request, text: str, *, finish_reason: str = "stop") -> Completion:
    return Completion(
        key=request.key,
        text=text,
        finish_reason=finish_reason,
        prompt_tokens=sum(len(message["content"]) for message in request.messages) // 4,
        completion_tokens=len(text) // 4,
        structured=request.reply_schema is not None,
    )
