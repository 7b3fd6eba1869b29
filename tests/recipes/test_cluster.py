"""The examples for clusters start what exists, with words that it takes; the scheduler's commands are stood in for."""

import json
import re
import subprocess
import time
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from support.command import clean_environ

from ipm_prefdial.builders.cli.main import VERBS
from ipm_prefdial.recipes.catalogue import find_recipe

FOLDER = Path(str(files("ipm_prefdial.recipes") / "cluster"))
SCRIPT = "ipm_prefdial.recipes.train.run"

_SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do [[ $1 == *=* || $1 == --overlap ]] || shift; shift; done
SLURM_NODEID=1 exec "$@"
"""


_SCONTROL = "#!/bin/bash\nfor node in $(seq 20000); do echo node$node; done\n"
"""So many machines that their names do not fit into a pipe at once."""


def run_script(tmp_path: Path, name: str, *words: str, commands_said: int = 1) -> list[list[str]]:
    """What a script for two machines has a machine do: its commands by name, with their words.

    The script does not wait for what it leaves running, so it is waited for here.
    """
    commands = {"srun": _SRUN, "scontrol": _SCONTROL, "sleep": "#!/bin/bash\n"}
    commands |= {"hostname": "#!/bin/bash\necho 10.0.0.1 fe80::1\n", "python": _python(), "ray": _say()}
    commands["ipm-prefdial"] = _say()
    folder = tmp_path / "bin"
    folder.mkdir()
    for command, text in commands.items():
        (folder / command).write_text(text)
        (folder / command).chmod(0o755)
    slurm = {"JOB_NODELIST": "node[1-2]", "JOB_NUM_NODES": "2", "GPUS_PER_NODE": "8", "CPUS_PER_TASK": "4"}
    environ = clean_environ({f"SLURM_{name}": value for name, value in slurm.items()})
    environ |= {"PATH": f"{folder}:{environ['PATH']}", "SAID": str(tmp_path / "said")}
    subprocess.run(["bash", str(FOLDER / name), *words], env=environ, check=True, timeout=60)
    until = time.monotonic() + 60
    while len(said := (tmp_path / "said").read_text().splitlines()) < commands_said and time.monotonic() < until:
        time.sleep(0.05)
    return [json.loads(line) for line in said]


def _say() -> str:
    """A command that notes its words."""
    return """#!/usr/bin/env python3
import json, os, sys
with open(os.environ["SAID"], "a") as said:
    said.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
"""


def _python() -> str:
    """Answers where the configurations are, and notes what else it is to run."""
    place = FOLDER.parent / "accelerate" / "multi_node.yaml"
    return f'#!/bin/bash\n[[ $1 == -c ]] && {{ echo {place}; exit; }}\nexec "$(dirname "$0")/ray" python "$@"\n'


def launched(words: list[str]) -> tuple[object, list[str]]:
    """What Accelerate's own parser reads, and the words that are left for the script."""
    pytest.importorskip("accelerate", reason="needs the [train] extra")
    from accelerate.commands.launch import launch_command_parser

    options = launch_command_parser().parse_args(words)
    return options, options.training_script_args


def test_slurm_trains_with_a_launcher_on_every_machine(tmp_path: Path) -> None:
    recipe = "qwen2.5-7b-instruct-full/joint/sft"
    (said,) = run_script(tmp_path, "train.sbatch", recipe, "acme/prefs", "v1.0.0", "runs/joint")
    assert said[1:4] == ["python", "-m", "accelerate.commands.launch"]
    options, words = launched(said[4:])
    assert (options.num_machines, options.num_processes, options.machine_rank) == (2, 16, 1)  # type: ignore[attr-defined]
    assert (options.main_process_ip, options.module) == ("node1", True)  # type: ignore[attr-defined]
    assert Path(options.config_file).is_file()  # type: ignore[attr-defined]
    assert options.training_script == SCRIPT  # type: ignore[attr-defined]
    find_recipe(words[words.index("--config") + 1])
    assert words[2:] == ["--data", "acme/prefs", "--revision", "v1.0.0", "--output_dir", "runs/joint"]


def test_kubernetes_trains_with_the_same_words() -> None:
    _, job = yaml.safe_load_all((FOLDER / "train.k8s.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    given = [word.replace("$(JOB_COMPLETION_INDEX)", "1") for word in container["args"]]
    options, words = launched(given)
    assert (options.num_machines, options.machine_rank) == (job["spec"]["completions"], 1)  # type: ignore[attr-defined]
    assert options.training_script == SCRIPT  # type: ignore[attr-defined]
    find_recipe(dict(word.split("=", 1) for word in words)["--config"])
    of_machines = job["spec"]["completions"] * container["resources"]["limits"]["nvidia.com/gpu"]
    assert options.num_processes == of_machines  # type: ignore[attr-defined]


def test_slurm_builds_on_a_ray_cluster_of_its_machines(tmp_path: Path) -> None:
    said = run_script(tmp_path, "build.sbatch", "--out", "release", "--source", "x.json", commands_said=3)
    assert sorted(words[0] for words in said) == ["ipm-prefdial", "ray", "ray"]
    (built,) = [words for words in said if words[0] == "ipm-prefdial"]
    assert built[1:] == ["build", "--engine", "ray:10.0.0.1:6379", "--out", "release", "--source", "x.json"]
    assert "add_build" in {verb.__name__ for verb in VERBS}
    heads = [words for words in said if "--head" in words]
    assert len(heads) == 1
    assert all("--block" in words for words in said if words[0] == "ray")


def test_every_module_that_a_shipped_file_starts_exists() -> None:
    texts = [path.read_text() for folder in (FOLDER, FOLDER.parent / "accelerate") for path in folder.iterdir()]
    named = {name for text in texts for name in re.findall(r"ipm_prefdial(?:\.\w+)+", text)} - {"ipm_prefdial.recipes"}
    assert named == {SCRIPT}
    assert find_spec(SCRIPT) is not None
