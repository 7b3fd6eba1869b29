"""`ipm-prefdial build`: makes a release."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ...schemas.errors import UsageError
from ...schemas.inference import Role, TokenLimits
from ...schemas.spec import SourceRef
from ..building.collect import cancel_batches
from ..building.estimate import Estimate, estimate
from ..building.run import BuildOptions
from ..building.workspace import Workspace
from ..distributed.run import build_release
from ..models.batch.context import BatchLimits
from ..models.pool import ModelOptions
from ..release.read import Release
from ..runtime.environment import parse_engine
from ..runtime.progress import ProgressDisplay
from .built import report_build
from .show import say, say_json, say_table

# Numbers on the command line.


def _number(kind: Callable[[str], float], what: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return read


whole = _number(int, "a whole number above 0")
"""Reads a whole number above 0."""

positive = _number(float, "a number above 0")
"""Reads a number above 0."""


def share(text: str) -> float:
    """Reads a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


# The part of `build` that is about tokens: `--max-tokens ROLE=N` and `--thinking ROLE=N`.


class RoleTokens(NamedTuple):
    """A number of tokens for a role."""

    role: Role
    tokens: int


def _add_tokens(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-tokens",
        metavar="ROLE=N",
        type=_read,
        action="append",
        default=[],
        help="tokens of an answer, in place of the spec's number, for every task of the role; repeat it for several "
        "roles. It is part of what is asked: other numbers are new calls",
    )
    parser.add_argument(
        "--thinking",
        metavar="ROLE=N",
        type=_read,
        action="append",
        default=[],
        help="tokens that the role's models may think on top of those of the answer; as --max-tokens",
    )


def tokens_of(options: argparse.Namespace) -> dict[Role, TokenLimits]:
    """The token limits of every role that the options name.

    Raises:
        UsageError: an option names a role twice.
    """
    answers = _by_role("--max-tokens", options.max_tokens)
    thinking = _by_role("--thinking", options.thinking)
    return {
        role: TokenLimits(answer=answers.get(role), thinking=thinking.get(role, 0))
        for role in Role
        if role in answers or role in thinking
    }


def _by_role(option: str, named: list[RoleTokens]) -> dict[Role, int]:
    found: dict[Role, int] = {}
    for role, tokens in named:
        if role in found:
            raise UsageError(f"{option} names the {role} twice; leave one of the two out")
        found[role] = tokens
    return found


def _read(text: str) -> RoleTokens:
    name, equals, number = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=N")
    if name not in tuple(Role):
        raise argparse.ArgumentTypeError(f"{text!r}: the roles are {', '.join(Role)}")
    return RoleTokens(Role(name), int(whole(number)))


# The part of `build` that is about batches: `--mode batch`, its limits, and `--cancel`.


_BATCHES_DEFAULTS = BatchLimits()


def _add_batches(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode",
        metavar="live|batch[:ROLE,…]",
        type=_read_mode,
        default=frozenset[Role](),
        help="how models are asked: call by call, or (all roles, or those named) by the provider's Batch API, which "
        "takes up to a day and costs half",
    )
    parser.add_argument("--cancel", action="store_true", help="with --mode batch: end what runs, keep what is answered")
    parser.add_argument(
        "--batch-requests", metavar="N", type=whole, default=_BATCHES_DEFAULTS.requests, help="requests in one batch"
    )
    parser.add_argument(
        "--batch-mb", metavar="MB", type=positive, default=_BATCHES_DEFAULTS.megabytes, help="size of one input file"
    )
    parser.add_argument(
        "--batch-tokens", metavar="N", type=whole, help="prompt tokens in all batches of a model at a time"
    )
    parser.add_argument(
        "--batch-poll", metavar="S", type=positive, default=_BATCHES_DEFAULTS.poll_s, help="seconds between two polls"
    )


def limits_of(options: argparse.Namespace) -> BatchLimits:
    """The batch options."""
    return BatchLimits(
        requests=options.batch_requests,
        megabytes=options.batch_mb,
        tokens=options.batch_tokens,
        poll_s=options.batch_poll,
    )


def cancel(options: argparse.Namespace) -> int:
    """Ends the batches of a build."""
    out: Path = options.out
    with ProgressDisplay(quiet=options.json) as bars:
        done = cancel_batches(Workspace(out.absolute()), limits_of(options), bars)
    if options.json:
        say_json({"batches": done.batches, "answers": done.answers})
    else:
        say(
            f"{done.batches} batches were ended, {done.answers} answers of theirs are kept, and nothing is left at the "
            "provider. The command without --cancel asks the rest."
        )
    return 0


# The roles that are asked in batches.
def _read_mode(text: str) -> frozenset[Role]:
    mode, colon, names = text.partition(":")
    if mode == "live" and not colon:
        return frozenset()
    if mode != "batch" or (colon and not names):
        raise argparse.ArgumentTypeError(f"{text!r} is neither live, batch, nor batch:ROLE,ROLE")
    try:
        return frozenset(Role(name) for name in names.split(",")) if colon else frozenset(Role)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: the roles are {', '.join(Role)}") from None


# The roles that a command names models for; the rewriter is the responder.
_NAMED = (Role.PLANNER, Role.RESPONDER, Role.JOINT, Role.JUDGE, Role.REASONER, Role.STYLIST)
_DEFAULTS = {
    Role.JOINT: "; the responder's where it is not given",
    Role.JUDGE: "; or reward:DIR, a run of a reward recipe, which labels the steps of traces beside other judges",
    Role.REASONER: " (releases from 2.1.0)",
    Role.STYLIST: "; rewrites replies under sampled personalities (releases from 2.1.0); none by default",
}


def add_build(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("build", help="build a release; if it is interrupted, the same command continues it")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder that will be the release")
    parser.add_argument("--release", default="1.0.0", help="a released version, or a spec of your own (.yaml)")
    _add_sources(parser)
    _add_benchmarks(parser)
    _add_models(parser)
    parser.add_argument(
        "--reuse",
        metavar="DIR_OR_REPO[@TAG]",
        action="append",
        default=[],
        help="an earlier release: what it has published answers to is not asked again; repeat it for several",
    )
    _add_batches(parser)
    parser.add_argument(
        "--accept-failures",
        metavar="SHARE",
        type=share,
        help="the share (0 to 1) of a role's answers that may be of no use before the build stops; 0.5 if not given",
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="ask again what failed for good in earlier runs of this build; replies stay",
    )
    parser.add_argument("--limit", metavar="N", type=whole, help="read only the first N dialogues")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the expected calls, tokens and cost, and send nothing"
    )
    parser.add_argument("--force", action="store_true", help="replace an unpublished release in the same folder")
    parser.add_argument("--show", metavar="N", type=whole, default=0, help="print N pairs at the end")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run_build)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        metavar="PATH_OR_HUB_ID",
        action="append",
        default=[],
        help="a file, a folder, ORG/NAME[@REV] on the Hub, or KIND:one of these; repeat it for several",
    )
    parser.add_argument(
        "--license", metavar="ID", help="the licence of the sources that state none, such as cc-by-nc-4.0"
    )
    parser.add_argument(
        "--on-bad-dialogue",
        choices=("stop", "skip"),
        default="stop",
        help="what to do with a record that is not a dialogue or is a duplicate",
    )


def _add_benchmarks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decontaminate",
        metavar="FILE_OR_HUB_ID",
        action="append",
        default=[],
        help="a benchmark whose dialogues must not be in the release (releases from 2.0.0); repeat it for several",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    form = (
        "`corpus` (embedded, no network) or MODEL[#REVISION][@BASE_URL[,BASE_URL…]], the URLs sharing the load; repeat "
        "it for several models"
    )
    for role in _NAMED:
        told = form + _DEFAULTS.get(role, "")
        parser.add_argument(f"--{role}", metavar="MODEL", action="append", default=[], help=told)
    parser.add_argument(
        "--repair-chosen",
        action="store_true",
        help="have the first --responder rewrite human replies that the judges find flawed (releases from 2.0.0)",
    )
    parser.add_argument(
        "--engine",
        metavar="local|ray[:ADDRESS]",
        default="local",
        help="where models are called: in this process, or by workers of a Ray cluster (extra `ray`)",
    )
    parser.add_argument("--workers", metavar="N", type=whole, help="number of cluster workers; one per CPU by default")
    _add_tokens(parser)
    parser.add_argument("--concurrency", metavar="N", type=whole, default=32, help="calls in flight, per model")
    parser.add_argument("--rpm", metavar="N", type=whole, help="requests a minute, per model")
    parser.add_argument("--tpm", metavar="N", type=whole, help="tokens a minute, per model")
    parser.add_argument("--timeout", metavar="S", type=positive, default=120.0, help="timeout of one call, in seconds")
    parser.add_argument("--budget", metavar="USD", type=positive, help="the most that all calls together may cost")
    parser.add_argument("--prices", metavar="FILE", type=Path, help="a price table that overrides the built-in one")


def run_build(options: argparse.Namespace) -> int:
    """Builds, estimates what building would take, or ends the batches of a build."""
    if options.cancel:
        return cancel(options)
    wanted = _options(options)
    if options.dry_run:
        _report_estimate(estimate(wanted), as_json=options.json)
        return 0
    with ProgressDisplay(quiet=options.json) as bars:
        build_release(wanted, bars)
    return report_build(Release(options.out), as_json=options.json, show=options.show)


def _options(options: argparse.Namespace) -> BuildOptions:
    models = ModelOptions(
        **{role.value: named for role in _NAMED if (named := tuple(getattr(options, role.value)))},
        rewrite=options.repair_chosen,
        tokens=tokens_of(options),
        concurrency=options.concurrency,
        rpm=options.rpm,
        tpm=options.tpm,
        timeout_s=options.timeout,
        budget_usd=options.budget,
        prices=options.prices,
        batch=options.mode,
        batch_limits=limits_of(options),
    )
    return BuildOptions(
        out=options.out.absolute(),
        release=options.release,
        sources=tuple(SourceRef(uri=uri, license=options.license) for uri in options.source),
        models=models,
        limit=options.limit,
        benchmarks=tuple(options.decontaminate),
        on_bad=options.on_bad_dialogue,
        reuse=tuple(options.reuse),
        engine=parse_engine(options.engine, options.workers),
        accept_failures=options.accept_failures,
        retry_failed=options.retry_failed,
        force=options.force,
    )


def _report_estimate(found: Estimate, *, as_json: bool) -> None:
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    places = list(found.roles[0].reused)
    lines = []
    for one in found.roles:
        calls = (one.calls, one.recorded, *one.reused.values(), one.new)
        lines.append((one.role, one.model, *calls, one.prompt_tokens, one.completion_tokens, *one.costs()))
    known = ("recorded", *(f"from {Path(place).name}" for place in places), "new")
    prices = ("USD at most", "in batches")
    columns = ("role", "model", "calls", *known, "prompt tokens", "completion tokens at most", *prices)
    say_table(f"{found.dialogues} dialogues, {found.turns} supporter turns: what a build would ask", columns, lines)
    say("Nothing was sent. Judge calls are an upper bound: a reply that is dropped earlier is not judged.")
