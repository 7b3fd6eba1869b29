"""Runs the command as a user does: in a process of its own, with its own environment and output."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from support.processes import Done, run_fresh

__all__ = ["Done", "clean_environ", "command_line", "ipm_prefdial"]


def ipm_prefdial(*words: str | Path, environ: Mapping[str, str] | None = None, timeout_s: float = 300) -> Done:
    """The command's exit code and output; nothing of this process's keys reaches it but what `environ` says."""
    done = run_fresh(_main, words, clean_environ(environ), timeout_s=timeout_s)
    assert "Traceback" not in done.err, done.err
    return done


def _main(words: list[str]) -> int:
    from ipm_prefdial.builders.cli.main import main

    return main(words)


def command_line(*words: str | Path) -> list[str]:
    """The words that start the command in the interpreter of the tests."""
    return [sys.executable, "-m", "ipm_prefdial.builders.cli.main", *map(str, words)]


def clean_environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without keys and endpoints, and with `extra`."""
    private = ("OPENAI_", "IPM_PREFDIAL_", "HF_TOKEN")
    return {name: value for name, value in os.environ.items() if not name.startswith(private)} | dict(extra or {})
