"""Builds, checks, compares and publishes releases: the public Python API, the same functions as the command's verbs.

    from pathlib import Path
    from ipm_prefdial.builders import BuildOptions, build, read_release, validate, verify

    build(BuildOptions(out=Path("my-release"), limit=4))
    release = read_release("my-release")
    assert not list(validate(release)) and verify(release.root).clean

Each name is imported when it is first used. Errors are those of `ipm_prefdial.schemas.errors`, with the exit codes of
the command. Everything else in this package may change between versions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..schemas.spec import SourceRef
    from .auditing.run import audit_release as audit
    from .building.rebuild import Verification
    from .building.rebuild import verify_release as verify
    from .building.run import BuildOptions
    from .distributed.run import build_release as build
    from .models.pool import ModelOptions
    from .publishing.preflight import PublishOptions
    from .publishing.run import PublishResult, publish
    from .release.diff.run import diff_releases as diff
    from .release.read import Release, read_release
    from .release.validate import validate_release as validate
    from .runtime.environment import Engine
    from .runtime.progress import Progress, ProgressDisplay

# Where each public name is defined, with its name there where that is another one.
_HOME = {
    "BuildOptions": "building.run",
    "Engine": "runtime.environment",
    "ModelOptions": "models.pool",
    "Progress": "runtime.progress",
    "ProgressDisplay": "runtime.progress",
    "PublishOptions": "publishing.preflight",
    "PublishResult": "publishing.run",
    "Release": "release.read",
    "SourceRef": "building.run",
    "Verification": "building.rebuild",
    "audit": "auditing.run:audit_release",
    "build": "distributed.run:build_release",
    "diff": "release.diff.run:diff_releases",
    "publish": "publishing.run",
    "read_release": "release.read",
    "validate": "release.validate:validate_release",
    "verify": "building.rebuild:verify_release",
}

__all__ = [
    "BuildOptions",
    "Engine",
    "ModelOptions",
    "Progress",
    "ProgressDisplay",
    "PublishOptions",
    "PublishResult",
    "Release",
    "SourceRef",
    "Verification",
    "audit",
    "build",
    "diff",
    "publish",
    "read_release",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    # Lazy (PEP 562), because pyarrow, numpy and scikit-learn would make every import of the package slow.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, inner = _HOME[name].partition(":")
    return getattr(import_module(f".{module}", __name__), inner or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
