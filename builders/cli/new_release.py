"""`ipm-prefdial new-release VERSION --from EARLIER`: the draft of the next spec, and what comes after it."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..next_spec import draft_spec, write_draft
from ..releases import load_release, spec_path, versions
from .show import say


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("new-release", help="write the draft of the next spec, and tell what to change in it")
    parser.add_argument("version", metavar="VERSION", help="the version that it is to make, such as 2.1.0")
    parser.add_argument(
        "--from", dest="earlier", metavar="EARLIER", help="the version to start from, or a .yaml file (the newest)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it (beside the other specs)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the draft; nothing that is there is written over."""
    earlier = options.earlier or versions()[-1]
    text = draft_spec(options.version, earlier)
    before = load_release(earlier).spec.version
    path = options.out or spec_path(options.version)
    write_draft(path, text)
    say(f"wrote {path}, a copy of {earlier}. What is next:")
    for number, step in enumerate(_steps(options.version, before, path, beside=options.out is None), 1):
        say(f"{number}. {step}")
    return 0


def _steps(version: str, earlier: str, path: Path, *, beside: bool) -> Iterator[str]:
    """The way from a draft to a release."""
    release = f"release-{version}"
    yield "Write its notes: what it is and what changed. Until then it cannot be read, and nothing is built of it."
    yield "Change what is to differ. A prompt or step that changes gets a new number (name@2): a released one stays."
    yield f"Build it:      ipm-prefdial build --release {version if beside else path} --out {release}"
    yield f"Compare it:    ipm-prefdial diff ORG/NAME@v{earlier} {release}   (does the number fit?)"
    yield f"Look at it:    ipm-prefdial validate {release} && ipm-prefdial audit {release}"
    if not beside:
        yield f"Put it in:     mv {path} {spec_path(version)}"
    yield f"Golden build:  python tests/regold.py {version}"
    yield f"Lock it:       add to {spec_path(version).with_name('specs.lock')} the line: {version} SHA-256 of the file"
    yield f"Publish it:    ipm-prefdial publish {release} --repo ORG/NAME"
