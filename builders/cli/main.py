"""Reads the command line, runs one verb, and turns every failure into one line and its exit code."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from ...recipes.cli import evaluate, recipe
from ...schemas.errors import PrefDialError, UsageError
from ...schemas.plain_files import printable
from . import audit, build, card, diff, new_release, publish, releases, review, schema, validate, verify
from .output import output
from .show import LogFormatter, say_error

VERBS = (build, verify, validate, audit, diff, publish, card, review, releases, new_release, recipe, evaluate, schema)
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code: as `schemas.errors` has them, 130 where it was interrupted.

    Where whoever reads the output goes away, as in `| head`, the verb still does its work to the end, and the exit code
    is the same as if all had been read.
    """
    with output():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=_LEVELS[min(options.verbose, 2)], handlers=[handler])
    # A shell starts background jobs with SIGINT ignored; a build is to stop for it there as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(options.run(options))
    except PrefDialError as error:
        say_error(str(error), as_json=getattr(options, "json", False), exit_code=error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        say_error("interrupted; the same command goes on where it was", as_json=False, exit_code=INTERRUPTED)
        return INTERRUPTED
    except OSError as error:
        # What no verb has foreseen, such as a full disk behind standard output: one line, and never a traceback.
        where = "" if error.filename is None else f"{printable(error.filename)}: "
        say_error(f"{where}{error.strerror or error}", as_json=False, exit_code=UsageError.exit_code)
        return UsageError.exit_code


_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a build as Ctrl-C does."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ipm-prefdial",
        description="Builds, verifies and publishes preference data for emotional-support dialogue.",
        epilog="Exit codes: 0 done; 1 the data or a gate says no; 2 wrong use; 3 an endpoint or the Hub failed, repeat "
        "the command; 130 interrupted, repeat the command to go on.",
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log more (twice: everything)")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_to(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
