"""The releases that can be built: a spec each, found by version and checked against the lock."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from ...prompts.library import load_prompt
from ...schemas.audit import GATE_NAMES
from ...schemas.documents import MOST_YAML, DocumentError, parse_yaml, read_bytes
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.files import write_whole
from ...schemas.inference import Task
from ...schemas.spec import BuildSpec, Version
from ...schemas.steps import COMPARE_SIDES, MAJORITY_2
from ...schemas.trace import Trace
from ...schemas.verdict import Comparison, CrisisVerdict, StepVerdict, StyleVerdict, Verdict
from ..mining.checks import READ_AS
from ..mining.steps import steps_of

_FOLDER = Path(str(files(__package__)))
_LOCK = "specs.lock"


@dataclass(frozen=True)
class ReleasedSpec:
    """A spec as it stands in its file."""

    spec: BuildSpec
    sha256: str
    """Digest of the file."""


def versions() -> list[str]:
    """Every version that there is a spec of, the oldest first."""
    found = (path.stem for path in _FOLDER.glob("*.yaml"))
    return sorted(found, key=lambda version: tuple(int(part) for part in version.split(".")))


def spec_path(release: str) -> Path:
    """Where the spec of a version stands, or would stand; a YAML file of the user's own stands where it is."""
    own = Path(release)
    return own if own.suffix in (".yaml", ".yml") else _FOLDER / f"{release}.yaml"


def load_release(release: str) -> ReleasedSpec:
    """The spec of a version, or of a YAML file of the user's own.

    Raises:
        UsageError: there is no such release, the spec is malformed, or it was edited after its release.
    """
    own = Path(release)
    if own.suffix in (".yaml", ".yml"):
        if not own.exists():
            raise UsageError(f"{release}: no such file")
        return read_spec(own)
    path = _FOLDER / f"{release}.yaml"
    if release not in versions():
        raise UsageError(f"there is no release {release}; there are {', '.join(versions())} (or give a .yaml file)")
    found = read_spec(path)
    if locked_specs().get(release, found.sha256) != found.sha256:
        raise UsageError(f"{path.name} was edited after its release; restore it, and put changes into a new version")
    return found


def read_spec(path: Path) -> ReleasedSpec:
    """The spec in a YAML file.

    Raises:
        UsageError: it is not YAML, a field is wrong (it is named), or a step is unknown.
    """
    try:
        data = read_bytes(path, most=MOST_YAML)
        spec = BuildSpec.model_validate(parse_yaml(data))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except DocumentError as error:
        raise UsageError(f"{path}: not YAML that can be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{path}: {'.'.join(map(str, first['loc'])) or 'spec'}: {first['msg']}") from error
    try:
        steps_of(spec)
        _check_registries(spec)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return ReleasedSpec(spec, hashlib.sha256(data).hexdigest())


# What the answers to each task's prompt are read as; those to a judge of replies, as its steps want them.
_READ_AS: Mapping[Task, type] = {
    **READ_AS,
    Task.STRATEGY_JUDGE: Comparison,
    Task.CRISIS_JUDGE: CrisisVerdict,
    Task.STEP_JUDGE: StepVerdict,
    Task.STYLE_JUDGE: StyleVerdict,
    Task.REASONER: Trace,
    Task.REWRITER: str,
    Task.STYLIST: str,
}


def _check_registries(spec: BuildSpec) -> None:
    """Looks up whatever the spec names while it is loaded, so that nothing fails when it is first used.

    Raises:
        UsageError: there is no such gate, or a prompt's answers are not what its step reads.
        PromptError: there is no such prompt, or it is malformed.
    """
    if unknown := sorted(set(spec.gates) - set(GATE_NAMES)):
        raise UsageError(f"there is no gate {unknown[0]}; the spec may limit {', '.join(GATE_NAMES)}")
    compares = spec.has_step(COMPARE_SIDES)
    for task in Task:
        if (inference := spec.inference(task)) is None:
            continue
        prompt = load_prompt(inference.prompt)
        wanted = (Comparison if compares else Verdict) if task is Task.JUDGE else _READ_AS.get(task)
        if wanted is not None and prompt.reader.kind is not wanted:
            raise UsageError(f"{task.value}.prompt: the answers to {prompt.id} are not read as {wanted.__name__}")
    if compares and (load_prompt(spec.judge.prompt).reader_id == "comparison@2") != spec.has_step(MAJORITY_2):
        raise UsageError("majority@2 and a judge prompt that offers no_reply (compare_replies@2) need each other")


@lru_cache
def locked_specs() -> dict[str, str]:
    """The version and SHA-256 of every released spec, as the lock file states them."""
    lines = (_FOLDER / _LOCK).read_text().splitlines()
    return dict(re.split(r"\s+", line) for line in lines if line and not line.startswith("#"))


# The draft of the next release's spec: the earlier one's file with another version, and notes still to be written.


_DUE = """\
# TODO: say here what this version is and what changed; the card and the changelog show it. It cannot be read before.
notes: TODO
"""
# Notes that no spec may have (see `BuildSpec.notes`): so nothing is built of a draft that nobody has described.
_TOO_SHORT = "TODO"


def draft_spec(version: str, earlier: str) -> str:
    """The text of a spec that says what `earlier` says, comments and all, but for its version and its notes.

    Args:
        version: the new version.
        earlier: the version that it comes after, or a YAML file of the user's own.

    Raises:
        UsageError: `version` is none, is there already or is not above the earlier one; there is no such earlier one,
            or its file is not laid out as specs are.
    """
    new, old = Version.of(version), Version.of(load_release(earlier).spec.version)
    if version in versions():
        raise UsageError(f"there is a release {version} already; give a version that there is none of")
    if new <= old:
        raise UsageError(f"{new} is not above {old}, which it is to come after")
    path = spec_path(earlier)
    text = path.read_text(encoding="utf-8")
    draft = _without_notes(re.sub(r"(?m)^version:.*$", f"version: {new}", text, count=1))
    due = parse_yaml(text) | {"version": version, "notes": _TOO_SHORT}
    if parse_yaml(draft) != due:
        raise UsageError(f"{path}: version and notes are not keys at the start of a line: copy it by hand")
    return draft


# The text of a spec with its notes still to be written: they end where the next line is not indented.
def _without_notes(text: str) -> str:
    return re.sub(r"(?m)^notes:.*\n(?:[ \t]+.*\n|[ \t]*\n)*", lambda _: _DUE, text, count=1)


def write_draft(path: Path, text: str) -> None:
    """Writes a new file.

    Raises:
        OutputExistsError: there is one.
        UsageError: it cannot be written.
    """
    try:
        if path.exists() or path.is_symlink():
            raise OutputExistsError(f"{path} is there already; name another file with --out")
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}; name another with --out") from error
