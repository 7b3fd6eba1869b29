"""Merges an adapter into its base model: `python -m ipm_prefdial.recipes.serving.merge ADAPTER FOLDER`."""

import sys
from pathlib import Path


# Writes the whole model, with the adapter's tokenizer, into `folder`.
def _merge_adapter(adapter: Path, folder: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    model = AutoPeftModelForCausalLM.from_pretrained(str(adapter)).merge_and_unload()
    model.config.use_cache = True
    model.save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(str(adapter)).save_pretrained(str(folder))


if __name__ == "__main__":
    _merge_adapter(Path(sys.argv[1]), Path(sys.argv[2]))
