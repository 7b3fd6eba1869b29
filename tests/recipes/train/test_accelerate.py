"""The configurations for `accelerate launch` are what the installed Accelerate reads."""

from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("accelerate", reason="needs the [train] extra")

pytestmark = pytest.mark.train

FOLDER = Path(str(files("ipm_prefdial.recipes") / "accelerate"))


@pytest.mark.parametrize(
    ("name", "kind", "machines"),
    [("one_gpu", "NO", 1), ("fsdp", "FSDP", 1), ("zero3", "DEEPSPEED", 1), ("multi_node", "FSDP", 2)],
)
def test_accelerate_reads_it(name: str, kind: str, machines: int) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(FOLDER / f"{name}.yaml"))
    assert (config.distributed_type, config.num_machines) == (kind, machines)
    assert config.mixed_precision == "bf16"
    assert config.num_processes >= machines


def test_there_are_no_others() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {"one_gpu", "fsdp", "zero3", "multi_node"}
