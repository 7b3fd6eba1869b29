"""The part of `build` that is about batches: `--mode batch`, its limits, and `--cancel`."""

import argparse
from pathlib import Path

from ...schemas.inference import Role
from ..asking import cancel_batches
from ..inference.batch.limits import BatchLimits
from ..workspace import Workspace
from .numbers import positive, whole
from .show import Bars, say, say_json

_DEFAULTS = BatchLimits()


def add_batches(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
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
        "--batch-requests", metavar="N", type=whole, default=_DEFAULTS.requests, help="requests in one batch"
    )
    parser.add_argument(
        "--batch-mb", metavar="MB", type=positive, default=_DEFAULTS.megabytes, help="size of one input file"
    )
    parser.add_argument(
        "--batch-tokens", metavar="N", type=whole, help="prompt tokens in all batches of a model at a time"
    )
    parser.add_argument(
        "--batch-poll", metavar="S", type=positive, default=_DEFAULTS.poll_s, help="seconds between two looks"
    )


def limits_of(options: argparse.Namespace) -> BatchLimits:
    """What the options say of batches."""
    return BatchLimits(
        requests=options.batch_requests,
        megabytes=options.batch_mb,
        tokens=options.batch_tokens,
        poll_s=options.batch_poll,
    )


def cancel(options: argparse.Namespace) -> int:
    """Ends the batches of a build."""
    out: Path = options.out
    with Bars(quiet=options.json) as bars:
        done = cancel_batches(Workspace(out.absolute()), limits_of(options), bars)
    if options.json:
        say_json({"batches": done.batches, "answers": done.answers})
    else:
        say(
            f"{done.batches} batches were ended, {done.answers} answers of theirs are kept, and nothing is left at the "
            "provider. The command without --cancel asks the rest."
        )
    return 0


def _read_mode(text: str) -> frozenset[Role]:
    """The roles that are asked in batches."""
    mode, colon, names = text.partition(":")
    if mode == "live" and not colon:
        return frozenset()
    if mode != "batch" or (colon and not names):
        raise argparse.ArgumentTypeError(f"{text!r} is neither live, batch, nor batch:ROLE,ROLE")
    try:
        return frozenset(Role(name) for name in names.split(",")) if colon else frozenset(Role)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: the roles are {', '.join(Role)}") from None
