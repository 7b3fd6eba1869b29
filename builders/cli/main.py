"""Reads the command line, runs one verb, and turns every failure into one line and its exit code."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ...recipes.cli.evaluate import add_evaluate
from ...recipes.cli.recipe import add_recipe
from ...schemas.errors import INTERRUPTED, PrefDialError, UsageError
from ...schemas.escape import printable
from .audit import add_audit
from .build import add_build
from .publish import add_publish
from .release import add_card, add_diff, add_validate, add_verify
from .review import add_review
from .show import LogFormatter, say_error
from .specs import add_new_release, add_releases, add_schema

# Standard output that may be closed before the command is done, as `| head` does: what comes after goes nowhere.
#
# The verb does its work to the end all the same, and its exit code says what it found. To stop there instead, as most
# filters do, would let a `diff` or a `validate` end without an answer, or with a wrong one.


class Output:
    """Passes text to `inner` as long as its reader is there."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._is_closed = inner is None

    def write(self, text: str) -> int:
        """Writes the text, or lets it go where there is no reader."""
        with self._unless_closed():
            self._inner.write(text)
        return len(text)

    def flush(self) -> None:
        with self._unless_closed():
            self._inner.flush()

    @contextmanager
    def _unless_closed(self) -> Iterator[None]:
        if self._is_closed:
            with suppress(Exception):
                yield
            return
        try:
            yield
        except BrokenPipeError:
            self._is_closed = True
            # What is left in its buffer would break the pipe again when the interpreter ends.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._inner.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def output() -> Iterator[Output]:
    """Standard output as such, as long as the block lasts."""
    before = sys.stdout
    found = Output(before)
    sys.stdout = found
    try:
        yield found
    finally:
        found.flush()
        sys.stdout = before


VERBS = (
    add_build,
    add_verify,
    add_validate,
    add_audit,
    add_diff,
    add_publish,
    add_card,
    add_review,
    add_releases,
    add_new_release,
    add_recipe,
    add_evaluate,
    add_schema,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code: as `schemas.errors` has them, 130 where it was interrupted.

    If the reader of the output goes away, as in `| head`, the verb still finishes its work, and the exit code
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
    # What a cluster sends before it kills; treated as Ctrl-C, so that answers are kept.
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


# SIGTERM ends a build as Ctrl-C does.
def _interrupt(number: int, frame: FrameType | None) -> None:
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
    for add_verb in VERBS:
        add_verb(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
