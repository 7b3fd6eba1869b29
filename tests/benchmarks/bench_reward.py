"""How far a tiny reward model from random weights gets on planted faults, beside scorers that read no dialogue.

`python tests/benchmarks/bench_reward.py [--steps N] [--seeds N] [--draws N]`; it prints tables and asserts nothing.
There are two planted sets: in the first (`support.compared`) a fault shows only where a trace is compared with its
dialogue, so that every baseline is at chance; in the second (`support.reasoning`) it shows in the trace. All figures
are of test dialogues, none of which was trained on; intervals are bootstraps over these dialogues.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.compared import compared_release  # found by the line above
from support.reasoning import reasoning_release
from support.training import run_quick

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.recipes.reward.report import FILE_NAME, MODEL, RewardReport
from ipm_prefdial.schemas.measures import Interval

_SIZE = {"random_width": 64, "random_layers": 2, "random_vocabulary": 600}


def main() -> None:
    """Trains on both sets with every seed, and prints what the reports say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--draws", type=int, default=8, help="rows of each config at every planted moment")
    parser.add_argument("--rate", type=float, default=3e-3)
    options = parser.parse_args()
    sets = {"compared with the dialogue": compared_release, "inside the trace": reasoning_release}
    for name, release in sets.items():
        for seed in range(options.seeds):
            began = time.monotonic()
            report = _train(release(options.draws), options.steps, options.rate, seed)
            print(f"\nfaults {name}; {options.steps} steps, seed {seed}, {time.monotonic() - began:.0f} s")
            print("\n".join(_lines(report)), flush=True)


def _train(release: Release, steps: int, rate: float, seed: int) -> RewardReport:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"max_steps": steps, "per_device_train_batch_size": 32, "max_rows": 32 * steps, "max_length": 512}
        run_quick("tiny/reward/reward", release.root, Path(folder, "out"), **_SIZE, **settings, learning_rate=rate,
                  logging_steps=100, seed=seed)  # fmt: skip
        return RewardReport.model_validate(json.loads(Path(folder, "out", FILE_NAME).read_bytes()))


def _lines(report: RewardReport) -> Iterator[str]:
    """A line a scorer: the AUC of all steps and of each, and the pairs in order."""
    scorers = list(dict.fromkeys(one.scorer for one in report.steps))
    steps = list(dict.fromkeys(one.step for one in report.steps))
    pairs = {one.scorer: one.accuracy for one in report.pairs}
    yield "  ".join([f"{'scorer':30}", *(f"{f'AUC {step}':24}" for step in steps), "pairs in order"])
    for scorer in (MODEL, *(one for one in scorers if one != MODEL)):
        found = {one.step: one.auc for one in report.steps if one.scorer == scorer}
        yield "  ".join([f"{scorer:30}", *(f"{_told(found[step]):24}" for step in steps), _told(pairs[scorer])])


def _told(value: Interval) -> str:
    if value.value is None:
        return "–"
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


if __name__ == "__main__":
    main()
