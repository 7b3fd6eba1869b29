"""Speed and memory of the recipes beside TRL's own `trl sft` and `trl dpo`: same data, same model, same settings.

`python tests/benchmarks/bench_training.py [--gpu] [--steps N] [--rows N]`; it prints what it measured and asserts
nothing. On a CPU the model is tiny. With `--gpu` it is of Qwen2.5-0.5B's shape from random weights (nothing is
downloaded), in bfloat16, with and without activation checkpointing and LoRA.

Both see the same tokens: `max_length` is so high that no row has to be cut. `train` is what the trainer itself says
it took; `whole` is the process from start to end, with imports, data and saving.
"""

import argparse
import ast
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.releases import build_scripted  # found by the line above

from ipm_prefdial.recipes.catalogue import SYSTEM_STAGES, TrainingStage
from ipm_prefdial.recipes.runs.arguments import words_of
from ipm_prefdial.recipes.tiny import make_tiny

_OURS, _THEIRS = "ipm_prefdial.recipes.train.run", "trl.scripts.{}"

_RUNNER = """
import runpy, sys, torch
module, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = module
try:
    runpy.run_module(module, run_name="__main__")
except SystemExit as error:
    if error.code:
        raise
if torch.cuda.is_available():
    print("peak_bytes", torch.cuda.max_memory_allocated())
else:
    import resource
    print("peak_bytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@dataclass(frozen=True)
class Measured:
    """One run of one script."""

    whole_s: float
    cpu_s: float
    train_s: float
    tokens: float
    peak_gb: float


def main() -> None:
    """Every variant, ours and theirs one after the other, with the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpu", action="store_true", help="the 0.5B shape in bfloat16 on the accelerator")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        release = build_scripted(root / "release").root
        _make_model(root / "model", release, large=options.gpu)
        for stage in SYSTEM_STAGES:
            for name, settings in _variants(options.gpu):
                _compare(root, stage, name, settings | {"max_steps": options.steps})


def _variants(gpu: bool) -> list[tuple[str, dict[str, Any]]]:
    if not gpu:
        return [("all weights", {"use_cpu": True, "bf16": False, "activation_checkpointing": False})]
    lora = {"use_peft": True, "lora_target_modules": ["all-linear"]}
    return [
        (f"{kind}, checkpointing {'on' if on else 'off'}", {"bf16": True, "activation_checkpointing": on, **extra})
        for kind, extra in (("all weights", {}), ("LoRA", lora))
        for on in (False, True)
    ]


def _make_model(folder: Path, release: Path, *, large: bool) -> None:
    """The tokenizer is made of the release's words; the weights are random."""
    text = [(release / "README.md").read_text(encoding="utf-8")]
    make_tiny(folder, text, width=64, layers=2, vocabulary=2000, positions=8192, seed=1)
    if not large:
        return
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = Qwen2Config(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    Qwen2ForCausalLM(shape).save_pretrained(folder)


def _compare(root: Path, stage: TrainingStage, name: str, settings: dict[str, Any]) -> None:
    common = {
        "max_length": 8192,
        "per_device_train_batch_size": 4,
        "train_sampling_strategy": "random",
        "logging_steps": 5,
        "eval_strategy": "no",
        "save_strategy": "no",
        "disable_tqdm": True,
        **settings,
    }
    start = root / f"sft of {name}"
    ours = [*words_of([("data", str(root / "release")), *common.items()]), "--config", str(_recipe(root, stage))]
    theirs = words_of([("dataset_name", str(root / "release")), ("dataset_config", _config(stage)), *common.items()])
    if stage is TrainingStage.DPO:
        ours += ["--sft_checkpoint", str(start)]
    out = start if stage is TrainingStage.SFT else root / f"dpo of {name}"
    first = _measure(_OURS, [*ours, "--output_dir", str(out)])
    # TRL's script knows no run to start from; it takes the model itself, which weighs the same.
    model = ["--model_name_or_path", str(root / "model")]
    second = _measure(_THEIRS.format(stage), [*theirs, *model, "--output_dir", str(root / f"trl {stage} {name}")])
    print(f"{stage}, {name}")
    for who, one in (("ours", first), ("trl", second)):
        speed = f"{one.tokens / one.train_s:.0f} tokens/s"
        whole = f"whole {one.whole_s:.1f} s (CPU {one.cpu_s:.1f} s)"
        print(f"  {who:5} train {one.train_s:.2f} s, {speed}, {whole}, peak {one.peak_gb:.2f} GB")
    ratios = [getattr(first, name) / getattr(second, name) for name in ("train_s", "whole_s", "cpu_s")]
    print("  ours/trl: train {:.2f}, whole {:.2f}, CPU {:.2f}".format(*ratios), flush=True)


def _config(stage: TrainingStage) -> str:
    return "strategy_sft" if stage is TrainingStage.SFT else "strategy"


def _recipe(root: Path, stage: TrainingStage) -> Path:
    path = root / f"{stage}.yaml"
    path.write_text(f"task: planner\nstage: {stage}\nmodel_name_or_path: {root / 'model'}\n")
    return path


def _measure(module: str, words: list[str]) -> Measured:
    began, used = time.perf_counter(), _cpu_s()
    command = [sys.executable, "-W", "ignore", "-c", _RUNNER, module, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stderr[-3000:]}")
    logs = _logs(words, done.stdout)
    peak = float(re.findall(r"peak_bytes (\d+)", done.stdout)[-1])
    return Measured(whole, _cpu_s() - used, logs["train_runtime"], logs["num_tokens"], peak / 1e9)


def _cpu_s() -> float:
    """Seconds of CPU that this process's children have used."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _logs(words: list[str], printed: str) -> dict[str, float]:
    """The last value of what the trainer logged: in our record, or as TRL's script prints it."""
    record = Path(words[words.index("--output_dir") + 1]) / "run.json"
    if record.is_file():
        return dict(json.loads(record.read_text())["results"])
    found: dict[str, float] = {}
    for line in re.findall(r"^\{.*\}$", printed, re.MULTILINE):
        found |= {name: float(value) for name, value in ast.literal_eval(line).items()}
    return found


if __name__ == "__main__":
    main()
