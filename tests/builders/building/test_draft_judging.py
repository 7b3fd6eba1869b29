"""The next release's prompts and steps in a whole build, with a model over HTTP that misbehaves as models do."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from servers.chat_server import ChatServer, RawAnswer, answer_with
from support.draft import NEXT_PROMPTS, NEXT_STEPS, write_draft
from support.persona import play_role_of_panels

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import PrefDialError

REFUSAL = "I’m sorry, but I can’t assist with that request."
SUBTLE = "That is nothing for me to speak of"
"""A refusal that no rule knows; the judge does."""


def _number(body: dict[str, Any]) -> int:
    return int(hashlib.sha256(json.dumps([body["messages"], body.get("seed")]).encode()).hexdigest()[:8], 16)


def misbehave(body: dict[str, Any]) -> RawAnswer | None:
    """What a model says besides what it should; None where it behaves."""
    system, last, number = body["messages"][0]["content"], body["messages"][-1]["content"], _number(body)
    if system.startswith("You examine two replies"):
        return RawAnswer(200, answer_with(_compare(last, json.loads(play_role_of_panels(body)))))
    if "Write the reply alone" in system and system.startswith("You support"):
        odd = {0: REFUSAL, 1: "<musing>Sad.</musing> I hear you.", 2: "As an AI, I have no garden.", 3: SUBTLE}
        if number % 9 in odd:
            return RawAnswer(200, answer_with(odd[number % 9]))
    return None


def _compare(last: str, verdict: dict[str, Any]) -> str:
    sides = {side: "no_reply" for side, said in zip("ab", last.split("\n\nReply ")[1:], strict=True) if SUBTLE in said}
    return json.dumps(verdict | sides)


def awkward(body: dict[str, Any]) -> RawAnswer | None:
    """The same, and a judge whose answers come in awkward forms, by the pair that is judged."""
    answer = misbehave(body)
    if answer is None or not body["messages"][0]["content"].startswith("You examine two replies"):
        return answer
    text = answer.body["choices"][0]["message"]["content"]
    sides = sorted(body["messages"][-1]["content"].split("\n\nReply ")[1:], key=lambda side: side[3:])
    match int(hashlib.sha256("".join(side[3:].strip() for side in sides).encode()).hexdigest()[:8], 16) % 8:
        case 0:
            return RawAnswer(200, answer_with(json.dumps(json.loads(text) | {"rationale": f"It says {text}"})))
        case 1:
            return RawAnswer(200, answer_with(text + ' As I was told: {"a": "none", "b": "none", "better": "tie"}'))
        case 2:
            return RawAnswer(200, answer_with(text[: text.index('"rationale"') + 18], finish_reason="length"))
        case 3:
            return RawAnswer(200, answer_with(text[: text.index('"better"') + 4], finish_reason="length"))
        case 4:
            return RawAnswer(200, answer_with(f"<think>Perhaps {{}} or {text}?</think>{text}"))
    return answer


def test_a_build_with_awkward_answers_names_what_it_drops(tmp_path: Path) -> None:
    out, draft = tmp_path / "release", write_draft(tmp_path, steps=NEXT_STEPS, **NEXT_PROMPTS)
    with ChatServer(play_role_of_panels, raw=awkward) as server:
        mock = (f"mock@{server.url}",)
        models = ModelOptions(planner=mock, responder=mock, judge=mock)
        build(BuildOptions(out=out, release=str(draft), models=models, limit=4))
    release = Release(out)
    assert list(validate_release(release)) == []
    assert verify_release(out).differences == ()
    dropped = [row for row in release.rows(Config.DROPPED) if row["config"] == Config.RESPONSE]
    found = Counter((row["reason"], row["detail"]) for row in dropped)
    assert found["refused", "by rule: declined"] and found["refused", "by rule: machine talk"]
    assert found["unknown_marker", "<musing>"]
    assert found["refused", "no_reply: 1 of 1 judges"]
    rows = list(release.rows(Config.RESPONSE))
    words = [row["rejected"][0]["content"] for row in rows]
    assert rows and not any(text.startswith((REFUSAL, "<", "As an AI", SUBTLE)) for text in words)
    judgements = [one for row in (*rows, *dropped) for one in row["judgements"]]
    problems = Counter((one["problem"] or "").partition(" (")[0] for one in judgements)
    assert problems["several_verdicts"] and problems["cut_off"] and problems[""]
    assert {one["problem"] for one in judgements if "As I was told" in one["raw"]} == {"several_verdicts (stop)"}
    quoted = [one for one in judgements if "It says" in one["raw"]]
    assert quoted and all(one["problem"] is None or one["problem"].startswith("no_reply") for one in quoted)
    whole = [one for one in judgements if one["raw"].endswith('"rationale": "It w')]
    assert whole and all(one["problem"] is None or one["problem"].startswith("no_reply") for one in whole)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"judge": NEXT_PROMPTS["judge"]}, r"majority@2 and a judge prompt that offers no_reply .* need each other"),
        (
            {"judge": NEXT_PROMPTS["judge"] | {"prompt": "judge/three_errors@2"}},
            "judge.prompt: .* not read as Comparison",
        ),
        (
            {"crisis_judge": NEXT_PROMPTS["crisis_judge"] | {"prompt": "judge/four_steps@2"}},
            "not read as CrisisVerdict",
        ),
        ({"judge": NEXT_PROMPTS["judge"] | {"prompt": "judge/unheard_of@2"}}, "there is no prompt judge/unheard_of@2"),
        ({"steps": NEXT_STEPS, "layout": 3, **NEXT_PROMPTS}, "needs a layout from 4"),
        (
            {"steps": [*NEXT_STEPS[:8], "majority@1", *NEXT_STEPS[8:]], **NEXT_PROMPTS},
            "majority@1 and majority@2 do not go together",
        ),
    ],
)
def test_what_does_not_fit_together_is_one_error_when_the_spec_is_loaded(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PrefDialError, match=message) as caught:
        load_release(str(write_draft(tmp_path, **changes)))
    assert caught.value.exit_code == 2
