"""Runs the command as a user does: in a process of its own, with its own environment and output."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """A command that came to its end."""

    code: int
    out: str
    err: str


def ipm_prefdial(*words: str | Path, environ: Mapping[str, str] | None = None, timeout_s: float = 300) -> Done:
    """The command's exit code and output; nothing of this process's keys reaches it but what `environ` says."""
    done = subprocess.run(
        command_line(*words), capture_output=True, text=True, timeout=timeout_s, env=clean_environ(environ), check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def command_line(*words: str | Path) -> list[str]:
    """The words that start the command in the interpreter of the tests."""
    return [sys.executable, "-m", "ipm_prefdial.builders.cli.main", *map(str, words)]


def clean_environ(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without keys and endpoints, and with `extra`."""
    private = ("OPENAI_", "IPM_PREFDIAL_", "HF_TOKEN")
    return {name: value for name, value in os.environ.items() if not name.startswith(private)} | dict(extra or {})
