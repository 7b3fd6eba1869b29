"""Shows pairs of a release so that a person can read them."""

import textwrap
from itertools import cycle, islice
from typing import Any

from ...schemas.config import PAIR_CONFIGS, Config
from ..release.read import Release
from .show import say

_WIDTH = 100
_LAST_TURNS = 3


def show_pairs(release: Release, number: int) -> None:
    """Prints `number` pairs, from each preference config in turn and no dialogue twice."""
    shown: set[str] = set()
    streams = cycle([(config, release.rows(config)) for config in PAIR_CONFIGS])
    for config, rows in islice(streams, number):
        row = next((row for row in rows if row["dialogue_id"] not in shown), None)
        if row is not None:
            shown.add(row["dialogue_id"])
            _show(config, row)
    say()


def _show(config: Config, row: dict[str, Any]) -> None:
    say(f"\n── {config} · {row['source']} · dialogue {row['dialogue_id']}, turn {row['turn']} ".ljust(_WIDTH, "─"))
    for line in _last_turns(config, row["prompt"]):
        say(_wrapped(line, "  "))
    under = f"[{row['strategy']}] " if config is Config.RESPONSE else ""
    say(_wrapped(f"chosen    {under}{row['chosen'][0]['content']}", "+ "))
    if row.get("rewrite"):
        say(_wrapped(f"rewritten, for {row['rewrite']['error']}: {row['rewrite']['original']}", "            "))
    say(_wrapped(f"rejected  {under}{row['rejected'][0]['content']}", "- "))
    say(_wrapped(f"{row['rejected_error']}{_votes(row)}{_reason(row)}", "            "))


def _votes(row: dict[str, Any]) -> str:
    """How a panel voted, where there is one."""
    panel = row.get("panel")
    return "" if panel is None else f" ({panel['votes']} of {panel['judges']} judges, confidence {panel['confidence']})"


def _reason(row: dict[str, Any]) -> str:
    """The reason of a judge who found the pair's error; empty where nobody gave one."""
    if "judgements" in row:
        found = [one for one in row["judgements"] if one["rejected_error"] == row["rejected_error"]]
    else:
        found = [row["rejected_verdict"]] if row["rejected_verdict"] else []
    return next((f": {one['rationale']}" for one in found if one["rationale"]), "")


def _last_turns(config: Config, prompt: list[dict[str, str]]) -> list[str]:
    """The last turns before the reply, one line each."""
    if config is Config.STRATEGY:  # its prompt holds the whole transcript in one message
        return prompt[-1]["content"].splitlines()[-_LAST_TURNS:]
    names = {"user": "seeker", "assistant": "supporter"}
    return [f"{names[one['role']]}: {one['content']}" for one in prompt[1:][-_LAST_TURNS:]]


def _wrapped(text: str, lead: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent=lead, subsequent_indent=" " * 12)
