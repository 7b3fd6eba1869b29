"""The summary that `build` prints: the flow of candidates, the usable answers, and the next steps."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from ...cards.licences import refusals_of
from ...cards.tables import loadable
from ...schemas.config import DEFAULT_CONFIG, PAIR_CONFIGS, REASONING_CONFIGS, Config
from ...schemas.manifest import AnswersRecord, Manifest
from ...schemas.safety import CrisisCounts, PiiKind
from ..building.failures import advice_on_cut_offs
from ..release.card_context import count_crises, origins_of
from ..release.layout import splits_of
from ..release.read import Release
from .show import say, say_error, say_json, say_table

# Shows pairs of a release so that a person can read them.


_WIDTH = 100
# A pair is shown with its last turns, which mostly show what the reply answers.
_LAST_TURNS = 3


# Prints `number` pairs, from each preference config in turn and no dialogue twice.
def _show_pairs(release: Release, number: int) -> None:
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


# How a panel voted, where there is one.
def _votes(row: dict[str, Any]) -> str:
    panel = row.get("panel")
    return "" if panel is None else f" ({panel['votes']} of {panel['judges']} judges, confidence {panel['confidence']})"


# The rationale of a judge who found the pair's error; empty if none gave one.
def _reason(row: dict[str, Any]) -> str:
    if "judgements" in row:
        found = [one for one in row["judgements"] if one["rejected_error"] == row["rejected_error"]]
    else:
        found = [row["rejected_verdict"]] if row["rejected_verdict"] else []
    return next((f": {one['rationale']}" for one in found if one["rationale"]), "")


# The last turns before the reply, one line each.
def _last_turns(config: Config, prompt: list[dict[str, str]]) -> list[str]:
    if config is Config.STRATEGY:  # its prompt holds the whole transcript in one message
        return prompt[-1]["content"].splitlines()[-_LAST_TURNS:]
    names = {"user": "seeker", "assistant": "supporter"}
    return [f"{names[one['role']]}: {one['content']}" for one in prompt[1:][-_LAST_TURNS:]]


def _wrapped(text: str, lead: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent=lead, subsequent_indent=" " * 12)


# The summary names the commonest reasons; the card lists all of them.
_MAIN_REASONS = 3


def report_build(release: Release, *, as_json: bool, show: int) -> int:
    """Says what a build came to, and gives its exit code: 1 where the default config has no row, and 0 otherwise.

    Such a release is put in place all the same, since it holds every answer that was paid for, and says why each
    candidate was dropped. It is not a success: a reader who loads it by its name gets an error.

    Args:
        release: that was made.
        as_json: whether a machine reads it.
        show: pairs to print.
    """
    manifest = release.manifest
    crises = count_crises(release.root, manifest)
    problem = _nothing_to_load(manifest)
    if as_json:
        say_json(
            {
                "out": str(release.root),
                "counts": {str(config): one.model_dump(mode="json") for config, one in manifest.counts.items()},
                "answers": [one.model_dump(mode="json") for one in manifest.run.answers],
                **({} if crises is None else {"held_out": crises.model_dump(mode="json")}),
                **({} if problem is None else {"error": problem, "exit_code": 1}),
            }
        )
    else:
        _report_counts(manifest, crises)
        _report_answers(manifest.run.answers)
        if show:
            _show_pairs(release, show)
        _report_next(release.root, manifest, complete=problem is None)
    if problem is None:
        return 0
    say_error(problem, as_json=False, exit_code=1)
    return 1


# What to say where the default config has no row in any split; None where it has some.
def _nothing_to_load(manifest: Manifest) -> str | None:
    counts = manifest.counts[DEFAULT_CONFIG]
    if sum(counts.rows.values()):
        return None
    reasons = Counter({reason.value: times for reason, times in counts.dropped.items()}).most_common(_MAIN_REASONS)
    why = ", ".join(f"{reason} {times}" for reason, times in reasons) or "there was no candidate"
    return (
        f"the release has no row in `{DEFAULT_CONFIG}`, its default config: it cannot be loaded, and is not fit to be "
        f"published. Of {counts.candidates} candidates all were dropped ({why}); `dropped` says why of each. Build it "
        "from more dialogues, or with other models"
    )


def _report_counts(manifest: Manifest, crises: CrisisCounts | None) -> None:
    splits = splits_of(Config.RESPONSE)
    lines = []
    for config, counts in manifest.counts.items():
        rows = [counts.rows[split] for split in splits]
        lines.append((config, counts.candidates, *rows, sum(counts.dropped.values())))
    say_table(f"IPM-PrefDial {manifest.version}", ("config", "candidates", *splits, "dropped"), lines)
    inferred = [config for config in manifest.counts if config in (*PAIR_CONFIGS, *REASONING_CONFIGS)]
    dropped = {config: _dropped(manifest, config, crises) for config in inferred}
    reasons = sorted({reason for of_config in dropped.values() for reason in of_config})
    drops = ((reason, *(dropped[config][reason] for config in inferred)) for reason in reasons)
    say_table("Dropped candidates by reason", ("reason", *inferred), drops)
    masked = sum((Counter(source.masked) for source in manifest.sources), Counter[PiiKind]())
    if masked:
        say(f"Personal data masked: {', '.join(f'{count} {kind}' for kind, count in sorted(masked.items()))}")
    if crises is not None:
        for line in crises.lines():
            say(line)


# Drops by reason; what no judge could read stands apart, also where the rows of an old layout say `crisis`.
def _dropped(manifest: Manifest, config: Config, crises: CrisisCounts | None) -> Counter[str]:
    dropped = manifest.counts[config].dropped
    apart = dropped if crises is None else crises.split_unread(config, dropped)
    return Counter({reason.value: times for reason, times in apart.items()})


def _report_answers(answers: tuple[AnswersRecord, ...]) -> None:
    columns = ("role", "task", "model", "calls", "usable", "of no use", "said most often")
    say_table("Answers of the models", columns, _answer_lines(answers))
    for line in advice_on_cut_offs(answers):
        say(line)


def _answer_lines(answers: tuple[AnswersRecord, ...]) -> Iterator[tuple[object, ...]]:
    for one in answers:
        unusable = ", ".join(f"{reason} {times}" for reason, times in one.unusable.items())
        yield one.role, one.task, one.model, one.calls, one.usable, unusable or "–", one.message or "–"


def _report_next(out: Path, manifest: Manifest, *, complete: bool) -> None:
    """The next steps; every line works for this release.

    Args:
        out: where it is.
        manifest: of it.
        complete: whether its default config has rows.
    """
    say(f"The release is in {out} ({manifest.run.wall_s} s). Next:")
    filled = loadable(manifest)
    mined = [config for config in (DEFAULT_CONFIG, *PAIR_CONFIGS, *REASONING_CONFIGS) if config in filled]
    for what, config in [("load it", config) for config in mined[:1]] + [("see why", Config.DROPPED)] * (not complete):
        if config in filled:
            load = f"from datasets import load_dataset; print(load_dataset({str(out)!r}, {config.value!r}))"
            say(f'  {what:<14} python -c "{load}"')
    say(f"  trust it       ipm-prefdial verify {out}")
    say("  real models    ipm-prefdial build --out DIR --planner MODEL@http://HOST:PORT/v1 --responder … --judge …")
    reasons = refusals_of(origins_of(out, manifest.files))
    if not reasons and complete:
        say(f"  publish it     ipm-prefdial audit {out}; ipm-prefdial publish {out} --repo ORG/NAME --dry-run")
        return
    if reasons:
        say("Do NOT pass this release on; `publish` refuses it. It is for your own use:")
        for reason in reasons:
            say(f"  {reason}")
