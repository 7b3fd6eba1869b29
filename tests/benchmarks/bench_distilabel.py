"""The job of `bench_many` through distilabel, as far as it goes: speed and peak memory by number of supporter turns.

`python tests/benchmarks/bench_distilabel.py [TURNS …]`; it prints what it measured and asserts nothing. As in
`bench_many.plain_datasets` every turn gives three prompts, of the replies two are judged by two calls each, and what
comes of it becomes Parquet; the model is a digest of its prompt. Needs distilabel, and says so where it is absent.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench_many import ASKED, disk_mb, measure
from synthetic import TURNS, write_dialogues

try:
    from distilabel.models.llms.base import LLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration
except ImportError:
    sys.exit("distilabel is not installed")

SIZES = (1_000, 10_000)
_AT_ONCE = 100


class Null(LLM):  # type: ignore[misc]
    """Answers with a digest of what it is asked."""

    @property
    def model_name(self) -> str:
        """Its name."""
        return "null"

    def generate(self, inputs: list[Any], num_generations: int = 1) -> list[dict[str, Any]]:
        """One answer to each."""
        digests = (hashlib.sha256(json.dumps(one).encode()).hexdigest()[:8] for one in inputs)
        counted = {"input_tokens": [0], "output_tokens": [0]}
        return [{"generations": [f"Scripted reply {digest}"], "statistics": counted} for digest in digests]


def run(out: Path, source: Path) -> None:
    """Three replies and four verdicts a turn."""
    with Pipeline("null", cache_dir=str(out / "cache")) as pipeline:
        last = LoadDataFromDicts(data=_turns(source), batch_size=_AT_ONCE)
        for task in ("planner", "responder", "joint"):
            last = last >> _step(task, "talk")
        for judged in ("human", "responder", "human", "joint"):
            last = last >> _step(f"verdict_{len(pipeline.dag)}", "talk", judged)
    found = pipeline.run(use_cache=False)["default"]["train"]
    found.to_parquet(str(out / "pairs.parquet"))


def _turns(source: Path) -> list[dict[str, str]]:
    rows = []
    for line in source.read_text(encoding="utf-8").splitlines():
        turns = json.loads(line)["turns"]
        said = [f"{turn['speaker']}: {turn['text']}" for turn in turns]
        rows += [{"talk": "\n".join(said[:at]), "human": turns[at]["text"]} for at in range(1, len(turns), 2)]
    return rows


def _step(name: str, *columns: str) -> Any:
    """A step that asks about some columns and puts the answer into a column of its own name."""
    shown = "\n".join(f"{{{{ {column} }}}}" for column in columns)
    names = {"generation": name, "model_name": f"{name}_model"}
    return TextGeneration(
        name=f"ask_{name}",
        llm=Null(),
        template=f"{ASKED}\n{shown}",
        columns=list(columns),
        input_batch_size=_AT_ONCE,
        output_mappings=names,
    )


def main() -> None:
    """At every size; `--run` is how it calls itself."""
    if sys.argv[1:2] == ["--run"]:
        return run(Path(sys.argv[2]), Path(sys.argv[3]))
    print(f"{'turns':>9}{'wall s':>9}{'turns/s':>9}{'CPU s':>9}{'peak MB':>9}{'disk MB':>9}   (peak of one process)")
    for turns in [int(word) for word in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            source, out = write_dialogues(Path(folder, "source"), turns * 2 // TURNS), Path(folder, "out")
            done = measure(sys.executable, __file__, "--run", out, source)
            figures = f"{turns:>9}{done.wall_s:>9.1f}{turns / done.wall_s:>9.0f}{done.cpu_s:>9.1f}{done.peak_mb:>9.0f}"
            print(f"{figures}{disk_mb(out):>9.0f}", flush=True)
    return None


if __name__ == "__main__":
    main()
