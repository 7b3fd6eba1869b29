"""`ipm-prefdial releases`: the specs there are."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...schemas.config import Config
from ...schemas.errors import UsageError
from ...schemas.rows import json_schema_of, rows_of
from ..release.refresh import card_features
from ..specs.released import draft_spec, load_release, locked_specs, spec_path, versions, write_draft
from .show import say, say_json, say_table


def add_releases(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("releases", help="list the specs that can be built")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_releases)


# Lists every spec with its steps and notes.
def _run_releases(options: argparse.Namespace) -> int:
    specs = {version: load_release(version) for version in versions()}
    if options.json:
        say_json(
            {version: {"sha256": one.sha256, **one.spec.model_dump(mode="json")} for version, one in specs.items()}
        )
        return 0
    lines = (
        (version, "released" if version in locked_specs() else "draft", ", ".join(one.spec.steps), one.spec.notes)
        for version, one in specs.items()
    )
    say_table("Releases", ("version", "state", "steps", "notes"), lines)
    return 0


# `ipm-prefdial new-release VERSION --from EARLIER`: the draft of the next spec, and what comes after it.


def add_new_release(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("new-release", help="write a draft of the next spec, with notes on what to change")
    parser.add_argument("version", metavar="VERSION", help="the version to create, such as 2.1.0")
    parser.add_argument(
        "--from", dest="earlier", metavar="EARLIER", help="the version to start from, or a .yaml file (the newest)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it (beside the other specs)")
    parser.set_defaults(run=_run_new_release)


# Writes the draft; nothing that is there is written over.
def _run_new_release(options: argparse.Namespace) -> int:
    earlier = options.earlier or versions()[-1]
    text = draft_spec(options.version, earlier)
    before = load_release(earlier).spec.version
    path = options.out or spec_path(options.version)
    write_draft(path, text)
    say(f"wrote {path}, a copy of {earlier}. What is next:")
    for number, step in enumerate(_steps(options.version, before, path, beside=options.out is None), 1):
        say(f"{number}. {step}")
    return 0


# The way from a draft to a release.
def _steps(version: str, earlier: str, path: Path, *, beside: bool) -> Iterator[str]:
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


# `ipm-prefdial schema CONFIG`: the columns of a config, as JSON Schema and as `datasets` features.


def add_schema(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("schema", help="print a config's columns as JSON Schema and as datasets features")
    parser.add_argument("config", metavar="CONFIG", help=", ".join(Config))
    parser.add_argument("--release", help="a released version, or a spec of your own; the newest where it is not given")
    parser.set_defaults(run=_run_schema)


# Prints one object with `json_schema` and `features`.
def _run_schema(options: argparse.Namespace) -> int:
    if options.config not in tuple(Config):
        raise UsageError(f"there is no config {options.config!r}; there are {', '.join(Config)}")
    config = Config(options.config)
    release = options.release or versions()[-1]
    layout = load_release(release).spec.layout
    rows = rows_of(layout)
    if config not in rows:
        raise UsageError(f"release {release} has no config {config}; it has {', '.join(rows)}")
    say_json({"json_schema": json_schema_of(layout, config), "features": card_features(layout)[config]})
    return 0
