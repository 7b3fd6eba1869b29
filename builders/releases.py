"""The releases that can be built: a spec each, found by version and checked against the lock."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from ..schemas.documents import MOST_YAML, DocumentError, parse_yaml, read_bytes
from ..schemas.errors import UsageError
from ..schemas.spec import BuildSpec
from .mining.steps import steps_of

_FOLDER = Path(str(files(__package__) / "specs"))
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
        UsageError: it is no YAML, a field is wrong (it is named), or a step is unknown.
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
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return ReleasedSpec(spec, hashlib.sha256(data).hexdigest())


@lru_cache
def locked_specs() -> dict[str, str]:
    """The version and SHA-256 of every released spec, as the lock file states them."""
    lines = (_FOLDER / _LOCK).read_text().splitlines()
    return dict(re.split(r"\s+", line) for line in lines if line and not line.startswith("#"))
