"""What is remembered of a loop, and whose its folder is."""

import multiprocessing
from pathlib import Path

import pytest

from ipm_prefdial.recipes.loop._stages import FILE_NAME, StageRecord, locked, open_state, write_state
from ipm_prefdial.schemas.errors import OutputExistsError, UsageError

WANTED = {"model": "tiny", "rounds": 1, "settings": {"sft": {"max_steps": 3}}}


def test_same_loop_goes_on(tmp_path: Path) -> None:
    state = open_state(tmp_path / "out", WANTED)
    done = state.model_copy(update={"stages": {"sft/planner": StageRecord(command="train", seconds=2.5)}})
    write_state(tmp_path / "out", done)
    assert open_state(tmp_path / "out", WANTED) == done


def test_another_loop_is_refused(tmp_path: Path) -> None:
    open_state(tmp_path / "out", WANTED)
    with pytest.raises(OutputExistsError, match="holds another loop: rounds, settings differ;"):
        open_state(tmp_path / "out", {"model": "tiny", "rounds": 2, "settings": {}})
    with pytest.raises(OutputExistsError, match="holds another loop: folds differs;"):
        open_state(tmp_path / "out", WANTED | {"folds": 2})


def test_folder_that_is_no_loop_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("a note")
    with pytest.raises(OutputExistsError, match="is not a mining loop"):
        open_state(tmp_path, WANTED)
    with pytest.raises(OutputExistsError, match="is not a mining loop"):
        open_state(tmp_path / "mine.txt", WANTED)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_damaged_state_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    with pytest.raises(UsageError, match=r"state\.json: damaged"):
        open_state(tmp_path, WANTED)


def _try_to_lock(folder: Path, said: "multiprocessing.SimpleQueue[str]") -> None:
    try:
        with locked(folder, 0):
            said.put("locked")
    except UsageError as error:
        said.put(str(error))


def test_one_process_at_a_time(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    said = spawning.SimpleQueue()

    def other() -> str:
        process = spawning.Process(target=_try_to_lock, args=(tmp_path, said))
        process.start()
        process.join()
        return str(said.get())

    with locked(tmp_path, 0):
        assert "another process is at work there" in other()
    assert other() == "locked"
