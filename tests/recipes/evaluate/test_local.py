"""Checkpoints play roles in this process: the same answers whatever the batch, and every wrong folder in one line."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.training import run_quick, small_release

from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.recipes.evaluate.options import EvaluateOptions, SystemOptions, find_checkpoint, resolve_pool
from ipm_prefdial.recipes.evaluate.run import evaluate
from ipm_prefdial.schemas.dialogue import Speaker, Turn
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Ask, Completion, Failed, Message, Outcome, Request, Role, Sampling, Task

pytest.importorskip("trl", reason="needs the [train] extra")
pytestmark = pytest.mark.train

TEXTS = ("The kiln broke.", "I am tired of all of it, and of the rain.", "Hello.", "My sister moved away in May.")


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planner of two steps."""
    folder = tmp_path_factory.mktemp("models") / "planner"
    run_quick("tiny/planner/sft", small_release().root, folder)
    return folder


def request_to(planner: Path, text: str, temperature: float = 0.7, max_tokens: int = 12) -> Request:
    """A question to the planner; its seed is one of its own."""
    return Request(
        model=find_checkpoint(str(planner), Role.PLANNER).ref,
        messages=(Message(role="user", content=text),),
        sampling=Sampling(temperature=temperature, top_p=0.95, max_tokens=max_tokens),
        draw=0,
        seed=len(text),
        ask=Ask(task=Task.PLANNER, history=(Turn(speaker=Speaker.SEEKER, text=text),)),
    )


def asked(planner: Path, records: Path, requests: Sequence[Request], at_once: int) -> list[Outcome]:
    """What the planner answers, in batches of at most so many."""
    pool = resolve_pool(SystemOptions(planner=str(planner), concurrency=at_once), lambda: ())

    async def ask(kept: Records) -> list[Outcome]:
        async with pool.open(kept) as completers:
            (completer,) = completers.values()
            return list(await asyncio.gather(*(completer.complete(one) for one in requests)))

    with Records(records) as kept:
        return asyncio.run(ask(kept))


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
def test_neighbours_in_a_batch_change_no_answer(temperature: float, planner: Path, tmp_path: Path) -> None:
    requests = [request_to(planner, text, temperature) for text in TEXTS]
    alone = asked(planner, tmp_path / "alone.sqlite", requests, 1)
    together = asked(planner, tmp_path / "together.sqlite", requests, len(requests))
    assert all(isinstance(one, Completion) for one in alone)
    assert alone == together


def test_the_same_seed_gives_the_same_answer_and_another_mostly_another(planner: Path, tmp_path: Path) -> None:
    first = request_to(planner, TEXTS[0], 2.0)
    others = [first.model_copy(update={"seed": seed, "draw": seed}) for seed in range(6)]
    found = asked(planner, tmp_path / "a.sqlite", [first, *others], 8)
    again = asked(planner, tmp_path / "b.sqlite", [first, *others], 8)
    assert found == again
    assert len({one.text for one in found if isinstance(one, Completion)}) > 1


def test_an_answer_that_is_cut_off_says_so(planner: Path, tmp_path: Path) -> None:
    (found,) = asked(planner, tmp_path / "a.sqlite", [request_to(planner, TEXTS[0], 2.0, max_tokens=1)], 1)
    assert isinstance(found, Completion)
    assert found.completion_tokens <= 1
    assert found.prompt_tokens > 0
    assert found.finish_reason in ("stop", "length")


def test_a_prompt_that_cannot_fit_fails_and_the_others_are_answered(planner: Path, tmp_path: Path) -> None:
    requests = [request_to(planner, "no end of it " * 2_000), request_to(planner, TEXTS[0])]
    long, short = asked(planner, tmp_path / "a.sqlite", requests, 2)
    assert isinstance(long, Failed)
    assert "longer than" in long.detail
    assert isinstance(short, Completion)


def test_an_evaluation_asks_a_checkpoint_and_keeps_its_answers(planner: Path, tmp_path: Path) -> None:
    options = EvaluateOptions(
        out=tmp_path / "out",
        place=str(small_release().root),
        models=SystemOptions(planner=str(planner)),
        temperature=0.0,
        replicates=20,
    )
    found = evaluate(options)
    about = next(one.about for one in found.systems if one.name == "planner")
    ref = find_checkpoint(str(planner), Role.PLANNER).ref
    assert ref.name == "tiny/planner/sft"
    assert str(ref) in about
    assert str(planner) not in found.model_dump_json()
    assert evaluate(options) == found, "from records"


def test_a_checkpoint_of_another_task_is_refused(planner: Path) -> None:
    with pytest.raises(UsageError, match="a checkpoint of the planner, not of the joint"):
        resolve_pool(SystemOptions(joint=str(planner)), lambda: ())


def test_an_unfinished_checkpoint_is_refused(planner: Path, tmp_path: Path) -> None:
    record = json.loads((planner / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(record | {"state": "running"}))
    with pytest.raises(UsageError, match="not trained to its end"):
        find_checkpoint(str(tmp_path), Role.PLANNER)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither config\.json nor adapter_config\.json"):
        find_checkpoint(str(tmp_path), Role.PLANNER)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="there are no weights"):
        find_checkpoint(str(tmp_path), Role.PLANNER)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # PEFT's doing
def test_an_adapter_answers_over_its_base(planner: Path, tmp_path: Path) -> None:
    settings = {"use_peft": True, "model_name_or_path": str(planner), "lora_r": 2}
    from support.training import words

    from ipm_prefdial.recipes.train.run import train

    given = words("tiny/planner/sft", small_release().root, tmp_path / "adapter", **settings)
    for name in ("random_width", "random_layers", "random_vocabulary"):
        at = given.index(f"--{name}")
        del given[at : at + 2]
    recipe = tmp_path / "adapter.yaml"
    recipe.write_text("task: planner\nstage: sft\nuse_cpu: true\nbf16: false\nactivation_checkpointing: false\n")
    given[1] = str(recipe)
    train(given, lambda line: None)
    checkpoint = find_checkpoint(str(tmp_path / "adapter"), Role.PLANNER)
    assert checkpoint.is_adapter
    request = request_to(planner, TEXTS[0]).model_copy(update={"model": checkpoint.ref})
    (found,) = asked(tmp_path / "adapter", tmp_path / "a.sqlite", [request], 1)
    assert isinstance(found, Completion)
