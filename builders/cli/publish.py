"""`ipm-prefdial publish DIR --repo ORG/NAME`: puts a release on the Hub, whole or not at all."""

import argparse
from pathlib import Path
from typing import Any

from ...schemas.errors import UsageError
from ..publishing.card_edits import OPTION
from ..publishing.preflight import PublishOptions
from ..publishing.run import PublishResult, publish
from .show import quieten_hub, say, say_json, say_table


def add_publish(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser(
        "publish", help="upload a release to the Hub in one commit with one tag, and read it back; safe to repeat"
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder, validated and audited")
    parser.add_argument(
        "--repo", metavar="ORG/NAME", required=True, help="the dataset repo; created if it does not exist"
    )
    parser.add_argument("--pr", action="store_true", help="open a pull request, for repos that you cannot write to")
    parser.add_argument("--private", action="store_true", help="make the repo private")
    parser.add_argument(
        "--gated",
        nargs="?",
        const="auto",
        choices=("auto", "manual"),
        help="let readers ask for access, granted automatically (the default) or by hand",
    )
    parser.add_argument(
        "--accept",
        metavar="GATE",
        action="append",
        default=[],
        help="publish although this gate of the audit failed or cannot tell; the card says so, with --why; repeat "
        "both for several",
    )
    parser.add_argument(
        "--why", metavar="REASON", action="append", default=[], help="why the accepted gate does not prevent publishing"
    )
    parser.add_argument(
        OPTION,
        action="store_true",
        help="take what people changed of README.md on the Hub (tags, other keys of theirs, words) into "
        "maintainers.md of the release, and publish it with that",
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything that can be checked without uploading")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_publish)


def _run_publish(options: argparse.Namespace) -> int:
    quieten_hub(always=options.json)
    done = publish(
        PublishOptions(
            folder=options.folder,
            repo=options.repo,
            pull_request=options.pr,
            private=options.private,
            gated=options.gated,
            dry_run=options.dry_run,
            accept=_reasons(options.accept, options.why),
            take_card_edits=options.take_card_edits,
        )
    )
    if options.json:
        say_json(_as_json(done))
    else:
        _report(done)
    return 0


def _reasons(gates: list[str], reasons: list[str]) -> dict[str, str]:
    if len(gates) != len(reasons) or not all(reason.strip() for reason in reasons):
        raise UsageError('every --accept GATE needs its --why "REASON", in the same order')
    return dict(zip(gates, (reason.strip() for reason in reasons), strict=True))


def _as_json(done: PublishResult) -> dict[str, Any]:
    plan = done.plan
    return {
        "state": done.state,
        "repo": done.repo,
        "version": done.payload.version,
        "tag": done.payload.tag,
        "commit": done.commit,
        "pull_request": done.pull_request,
        "manifest_sha256": done.payload.manifest_sha256,
        "taken": list(done.taken),
        "files": {name: file.size for name, file in done.payload.files.items()},
        "plan": None if plan is None else {"parent": plan.parent, "add": plan.add, "remove": plan.remove},
    }


def _report(done: PublishResult) -> None:
    for one in done.taken:
        say(f"{'would take' if done.state == 'not sent' else 'took'} over from the card on the Hub: {one}")
    if done.state == "not sent":
        _report_plan(done)
    elif done.state == "proposed":
        say(f"proposed: pull request {done.pull_request} of {done.repo} holds {done.payload.version}")
        say(f"Once it is merged: ipm-prefdial publish DIR --repo {done.repo} (sets the tag {done.payload.tag})")
    elif done.state == "on main":
        say(f"main of {done.repo} holds {done.payload.version} already; publish it without --pr to set its tag")
    else:
        say(f"{done.state}: {done.repo} {done.payload.tag}")
        say(f"  commit   {done.commit}")
        say(f"  load it  {_load_line(done)}")


def _report_plan(done: PublishResult) -> None:
    plan, files = done.plan, done.payload.files
    what = {name: "add" if plan and name in plan.add else "is there" for name in files}
    lines: list[tuple[object, ...]] = [(name, file.size, what[name]) for name, file in files.items()]
    lines += [(name, "–", "remove") for name in (plan.remove if plan else ())]
    say_table(f"{done.repo} {done.payload.tag}", ("file", "bytes", "what"), lines)
    sent = [file.size for name, file in files.items() if what[name] == "add"]
    where = (
        f"in commit {done.commit}" if plan is None else f"on top of {plan.parent}" if plan.parent else "in a new repo"
    )
    say(f"{len(sent)} files, {sum(sent)} bytes, {where}; then the tag {done.payload.tag}. Nothing was sent.")
    say("Before it is sent, the card is made to name the repo, and the changelog what differs from the version before.")


def _load_line(done: PublishResult) -> str:
    config = done.payload.front_matter.default_config
    return f'load_dataset("{done.repo}", "{config}", revision="{done.payload.tag}")'
