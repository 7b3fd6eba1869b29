"""A checkpoint as servers should see it: whole weights, and a generation that does what a request says.

The checkpoint itself is left as it is. In the view, links stand for its files, except that

- an adapter is merged into its base model, since not every server loads adapters;
- the generation's settings are those that a request cannot give. `transformers serve` draws only where `do_sample` is
  on there, whatever the temperature of a request; and a penalty or a top-k that came with the base model would be in
  no record.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from ...schemas.errors import UsageError
from .child import last_lines

_MERGE = "ipm_prefdial.recipes.serving.merge"
_ADAPTER, _CONFIG, _GENERATION = "adapter_config.json", "config.json", "generation_config.json"
_KEPT = ("bos_token_id", "eos_token_id", "pad_token_id", "transformers_version")
_UNWANTED = ("training_args.bin", "run.json", "README.md", "curves.jsonl", "curves.png")
_WEIGHTS = "*.safetensors"
# 64 bits are enough to tell the checkpoints of one machine apart.
_REVISION_DIGITS = 16


def revision_of(checkpoint: Path) -> str:
    """The revision of a checkpoint: the first 16 digits of a digest over their files.

    Raises:
        UsageError: the folder holds no checkpoint.
    """
    check_checkpoint(checkpoint)
    whole = hashlib.sha256()
    for path in sorted(checkpoint.glob(_WEIGHTS)):
        with path.open("rb") as file:
            whole.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:_REVISION_DIGITS]


def check_checkpoint(folder: Path) -> None:
    """Looks whether a folder can be served.

    Raises:
        UsageError: there is none, or it holds no model, no weights or no tokenizer.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; a checkpoint is served from one")
    if not any((folder / name).is_file() for name in (_CONFIG, _ADAPTER)):
        raise UsageError(f"{folder}: no checkpoint: there is neither {_CONFIG} nor {_ADAPTER} in it")
    if not any(folder.glob(_WEIGHTS)):
        raise UsageError(f"{folder}: no checkpoint: there are no weights (*.safetensors) in it")
    if not (folder / "tokenizer_config.json").is_file():
        raise UsageError(f"{folder}: there is no tokenizer beside the weights (tokenizer_config.json)")


def make_view(checkpoint: Path, view: Path) -> None:
    """Makes the folder `view` anew.

    Raises:
        UsageError: the checkpoint is none, or its adapter cannot be merged.
    """
    check_checkpoint(checkpoint)
    shutil.rmtree(view, ignore_errors=True)
    view.mkdir(parents=True)
    if (checkpoint / _ADAPTER).is_file():
        _merge(checkpoint, view)
    else:
        for path in checkpoint.iterdir():
            if path.is_file() and path.name not in (*_UNWANTED, _GENERATION):
                (view / path.name).symlink_to(path.resolve())
    given = next((folder / _GENERATION for folder in (view, checkpoint) if (folder / _GENERATION).is_file()), None)
    known = json.loads(given.read_bytes()) if given is not None else {}
    settings = {name: known[name] for name in _KEPT if name in known}
    (view / _GENERATION).write_text(json.dumps({**settings, "do_sample": True}, indent=1) + "\n", encoding="utf-8")


# In a process of its own, whose memory is free when it is done.
def _merge(checkpoint: Path, view: Path) -> None:
    log = view.with_name(f"{view.name}.merge.log")
    command = [sys.executable, "-P", "-m", _MERGE, str(checkpoint.resolve()), str(view.resolve())]
    with log.open("wb") as file:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
    if done.returncode:
        raise UsageError(f"{checkpoint}: the adapter cannot be merged: {' '.join(last_lines(log, 1))[:300]}")
