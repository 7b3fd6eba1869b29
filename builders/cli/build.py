"""`ipm-prefdial build`: makes a release."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from ...cards.licences import refusals_of
from ...schemas.config import PAIR_CONFIGS, REASONING_CONFIGS, Config
from ...schemas.inference import Role
from ...schemas.manifest import Manifest
from ...schemas.safety import PiiKind
from ...schemas.spec import SourceRef
from ..cast import CastOptions
from ..cluster.engine import parse_engine
from ..estimate import Estimate, estimate
from ..pipeline import BuildOptions, build
from ..release.layout import splits_of
from ..release.origins import origins_of
from ..release.read import Release
from .batches import add_batches, cancel, limits_of
from .numbers import positive, whole
from .pairs import show_pairs
from .show import Bars, say, say_json, say_table

_NAMED = (Role.PLANNER, Role.RESPONDER, Role.JOINT, Role.JUDGE, Role.REASONER, Role.STYLIST)
"""The roles that a command names models for; the rewriter is the responder."""
_DEFAULTS = {
    Role.JOINT: "; the responder's where it is not given",
    Role.JUDGE: "; or reward:DIR, a run of a reward recipe, which labels the steps of traces beside other judges",
    Role.REASONER: " (releases from 2.1.0)",
    Role.STYLIST: "; rewrites replies under sampled personalities (releases from 2.1.0): nobody where it is not given",
}


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("build", help="make a release; stopped or killed, the same command goes on where it was")
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
    add_batches(parser)
    parser.add_argument("--limit", metavar="N", type=whole, help="take in the first N dialogues")
    parser.add_argument("--dry-run", action="store_true", help="tell calls, tokens and cost, and send nothing")
    parser.add_argument("--force", action="store_true", help="replace an unpublished release that is there")
    parser.add_argument("--show", metavar="N", type=whole, default=0, help="print N pairs when it is done")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run)


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
        help="what to do with a record that is no dialogue, or was there before",
    )


def _add_benchmarks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decontaminate",
        metavar="FILE_OR_HUB_ID",
        action="append",
        default=[],
        help="a benchmark that the release must not overlap with (releases from 2.0.0); repeat it for several",
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
        help="where models are asked: here, or by the workers of a Ray cluster (the extra `ray`)",
    )
    parser.add_argument("--workers", metavar="N", type=whole, help="workers of the cluster; one a CPU if not given")
    parser.add_argument("--concurrency", metavar="N", type=whole, default=32, help="calls in flight, per model")
    parser.add_argument("--rpm", metavar="N", type=whole, help="requests a minute, per model")
    parser.add_argument("--tpm", metavar="N", type=whole, help="tokens a minute, per model")
    parser.add_argument("--timeout", metavar="S", type=positive, default=120.0, help="seconds that one call may take")
    parser.add_argument("--budget", metavar="USD", type=positive, help="what all calls together may cost")
    parser.add_argument("--prices", metavar="FILE", type=Path, help="a price table over the built-in one")


def run(options: argparse.Namespace) -> int:
    """Builds, estimates what building would take, or ends the batches of a build."""
    if options.cancel:
        return cancel(options)
    wanted = _options(options)
    if options.dry_run:
        _tell_estimate(estimate(wanted), as_json=options.json)
        return 0
    with Bars(quiet=options.json) as bars:
        manifest = build(wanted, bars)
    if options.json:
        say_json(
            {"out": str(options.out), "counts": {str(k): v.model_dump(mode="json") for k, v in manifest.counts.items()}}
        )
        return 0
    _tell_counts(manifest)
    if options.show:
        show_pairs(Release(options.out), options.show)
    _tell_next(options.out, manifest)
    return 0


def _options(options: argparse.Namespace) -> BuildOptions:
    cast = CastOptions(
        **{role.value: named for role in _NAMED if (named := tuple(getattr(options, role.value)))},
        rewrite=options.repair_chosen,
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
        cast=cast,
        limit=options.limit,
        benchmarks=tuple(options.decontaminate),
        on_bad=options.on_bad_dialogue,
        reuse=tuple(options.reuse),
        engine=parse_engine(options.engine, options.workers),
        force=options.force,
    )


def _tell_counts(manifest: Manifest) -> None:
    splits = splits_of(Config.RESPONSE)
    lines = []
    for config, counts in manifest.counts.items():
        rows = [counts.rows[split] for split in splits]
        lines.append((config, counts.candidates, *rows, sum(counts.dropped.values())))
    say_table(f"IPM-PrefDial {manifest.version}", ("config", "candidates", *splits, "dropped"), lines)
    inferred = [config for config in manifest.counts if config in (*PAIR_CONFIGS, *REASONING_CONFIGS)]
    reasons = sorted({reason for counts in manifest.counts.values() for reason in counts.dropped})
    drops = ((reason, *(manifest.counts[config].dropped.get(reason, 0) for config in inferred)) for reason in reasons)
    say_table("Dropped candidates by reason", ("reason", *inferred), drops)
    masked = sum((Counter(source.masked) for source in manifest.sources), Counter[PiiKind]())
    if masked:
        say(f"Personal data masked: {', '.join(f'{count} {kind}' for kind, count in sorted(masked.items()))}")


def _tell_next(out: Path, manifest: Manifest) -> None:
    say(f"The release is in {out} ({manifest.run.wall_s} s). Next:")
    load = f"from datasets import load_dataset; print(load_dataset({str(out)!r}, 'response'))"
    say(f'  load it        python -c "{load}"')
    say(f"  trust it       ipm-prefdial verify {out}")
    say("  real models    ipm-prefdial build --out DIR --planner MODEL@http://HOST:PORT/v1 --responder … --judge …")
    reasons = refusals_of(origins_of(out, manifest.files))
    if not reasons:
        say(f"  publish it     ipm-prefdial audit {out} && ipm-prefdial publish {out} --repo ORG/NAME --dry-run")
        return
    say("Do NOT pass this release on; `publish` refuses it. It is for your own use:")
    for reason in reasons:
        say(f"  {reason}")


def _tell_estimate(found: Estimate, *, as_json: bool) -> None:
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
