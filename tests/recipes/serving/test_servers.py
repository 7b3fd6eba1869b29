"""The command lines that start servers."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.recipes.serving import serve as servers
from ipm_prefdial.recipes.serving.serve import GpuShare, Server, find_server, server_command, server_environ
from ipm_prefdial.schemas.errors import UsageError


def test_transformers_serves_a_folder_by_its_name(tmp_path: Path) -> None:
    command = server_command(Server.TRANSFORMERS, tmp_path / "planner", "planner", 8123, GpuShare(on_cpu=True))
    assert (
        command[3:] == "transformers.cli.transformers serve planner --device cpu --host 127.0.0.1 --port 8123".split()
    )


def test_vllm_serves_under_a_name_without_the_models_own_sampling(tmp_path: Path) -> None:
    command = server_command(Server.VLLM, tmp_path / "planner", "planner", 8123, GpuShare(place=1, servers=3))
    words = command[command.index("serve") :]
    assert words[:2] == ["serve", str((tmp_path / "planner").resolve())]
    assert words[words.index("--served-model-name") + 1] == "planner"
    assert words[words.index("--generation-config") + 1] == "vllm"
    assert float(words[words.index("--gpu-memory-utilization") + 1]) == pytest.approx(0.3)


@given(servers=st.integers(1, 9), gpus=st.integers(1, 8))
def test_no_gpu_is_promised_twice(servers: int, gpus: int) -> None:
    shares = [GpuShare(place=place, servers=servers, gpus=gpus) for place in range(servers)]
    for gpu in range(gpus):
        assert sum(share.memory for share in shares if share.gpu == gpu) <= 0.905
    assert {share.gpu for share in shares} == set(range(min(servers, gpus)))


def test_servers_go_round_the_gpus_that_this_process_may_use() -> None:
    shares = [GpuShare(place=place, servers=3, gpus=2) for place in range(3)]
    found = [server_environ(Server.VLLM, share, "4,6")["CUDA_VISIBLE_DEVICES"] for share in shares]
    assert found == ["4", "6", "4"]
    assert "CUDA_VISIBLE_DEVICES" not in server_environ(Server.VLLM, GpuShare(), None)
    assert server_environ(Server.TRANSFORMERS, GpuShare(on_cpu=True), None)["CUDA_VISIBLE_DEVICES"] == ""


def test_vllm_is_taken_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert find_server() is Server.VLLM


def test_nothing_that_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(servers, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'ipm-prefdial\[serve\]'"):
        find_server()
