"""A small release that holds dialogues out for a crisis, one for each way in which it can be seen."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from support.dialogues import SHORT_TURNS, seeker, supporter
from support.releases import build_scripted
from support.script import scripted_answer

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.dialogue import Dialogue, Turn
from ipm_prefdial.schemas.inference import Completion, Outcome, Request, Task

NAMED = "I have thought of killing myself."
"""What a rule finds."""

SITUATION = "My husband hits me."
"""What a rule finds in a situation."""

HINTED = "I gave the cat away today, so that is settled."
"""What only a judge sees."""

UNREADABLE = "The judge has no answer to this one."
"""A seeker turn about which the judge's answer cannot be read."""

Line = dict[str, str]


def _answer(request: Request) -> Outcome:
    """The script; as a crisis judge it sees what is hinted at, and cannot be read about one dialogue."""
    if request.ask.task is not Task.CRISIS_JUDGE:
        return scripted_answer(request)
    texts = [turn.text for turn in request.ask.history]
    found = {"crisis": "none", "turn": None, "rationale": "Nothing."}
    if HINTED in texts:
        found = {"crisis": "self_harm", "turn": texts.index(HINTED), "rationale": "=A goodbye."}
    text = "I would rather not say" if UNREADABLE in texts else json.dumps(found)
    return Completion(key=request.key, text=text, finish_reason="stop")


def held_out_release(root: Path) -> Release:
    """A release of six dialogues by spec 2.0.0, of which four are held out; three judges read every dialogue."""
    dialogues = (
        _dialogue(seeker("Hello."), supporter("Hello, what happened?"), seeker("A long week."), seeker(NAMED)),
        _dialogue(seeker("I slept in the car."), supporter("What kept you out?"), situation=SITUATION),
        _dialogue(seeker("It is quiet here."), supporter("Quiet in what way?"), seeker(HINTED)),
        _dialogue(seeker("I lost my keys."), supporter("Where did you look?"), seeker(UNREADABLE)),
        _dialogue(*SHORT_TURNS),
        _dialogue(seeker("My sister moved to another town."), supporter("How was the day she left?")),
    )
    source = root.parent / f"{root.name}.jsonl"
    source.write_text("".join(f"{one.model_dump_json()}\n" for one in dialogues), encoding="utf-8")
    return build_scripted(root, (f"dialogue:{source}",), release="2.0.0", answer=_answer)


def _dialogue(*turns: Turn, situation: str | None = None) -> Dialogue:
    return Dialogue(source="invented", license="cc-by-4.0", situation=situation, turns=turns)


def read_sheet(path: Path) -> list[Line]:
    """The lines of a sheet."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill_sheet(sheet: Path, path: Path, fill: Callable[[Line], Mapping[str, str]], *, delimiter: str = ",") -> Path:
    """The sheet with what a reader writes into each line, saved under `path`."""
    lines = read_sheet(sheet)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({**line, **fill(line)} for line in lines)
    return path
