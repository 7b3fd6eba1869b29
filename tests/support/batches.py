"""Builds in batches against a server that counts what is paid."""

import json
from pathlib import Path

from servers.batch_server import BatchServer

from ipm_prefdial.builders.building.run import BuildOptions
from ipm_prefdial.builders.models.batch.context import BatchLimits
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.schemas.inference import Role

QUICK = BatchLimits(poll_s=0.001, requests=40)
LARGE = BatchLimits(poll_s=0.001, requests=200)
ALL = frozenset(Role)


def options(
    out: Path,
    server: BatchServer,
    batch: frozenset[Role] = ALL,
    release: str = "1.0.0",
    limit: int = 3,
    **models: object,
) -> BuildOptions:
    """A build of the sample; the model `mock` plays whom `models` does not name."""
    mock = dict.fromkeys(("planner", "responder", "judge"), (f"mock@{server.url}",))
    named = ModelOptions(**(mock | {"batch": batch, "batch_limits": QUICK} | models))  # type: ignore[arg-type]
    return BuildOptions(out=out, release=release, models=named, limit=limit)


def bytes_of(root: Path) -> dict[str, bytes]:
    """Every file of a release but the manifest, and the manifest without how the run went."""
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    manifest = json.loads(files.pop("manifest.json"))
    del manifest["run"]
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def settled(server: BatchServer) -> bool:
    """Whether everything was paid once, and nothing is left at the provider."""
    return set(server.run_times.values()) == {1} and not server.files
