"""The training script: `python -m ipm_prefdial.recipes.train.script --config RECIPE --data DIR --output_dir OUT`.

`recipe run` calls it; `accelerate launch -m ipm_prefdial.recipes.train.script …` starts it in many processes.
"""

import os
import sys
import warnings
from collections.abc import Sequence

from ...schemas.errors import PrefDialError
from ...schemas.escape import visible
from .curves import on_terminal
from .run import train

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, and gives the exit code: as `schemas.errors` has them, 130 where it was interrupted."""
    quieten()
    try:
        train(sys.argv[1:] if argv is None else argv, say_line)
        _leave_together()
    except PrefDialError as error:
        if os.environ.get("RANK", "0") == "0":
            say_line(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say_line("interrupted; the same command goes on from the last step that was saved")
        return _INTERRUPTED
    return 0


def _leave_together() -> None:
    """Ends the talk among the processes, once all of them are done and nothing is left that would still use it."""
    from accelerate import PartialState

    state = PartialState()
    state.wait_for_everyone()
    state.destroy_process_group()


def say_line(text: str) -> None:
    """A line of plain text on standard error."""
    sys.stderr.write(f"ipm-prefdial: {visible(text)}\n")


def quieten() -> None:
    """Leaves out what nobody can act on: bars where nobody looks at them, and TRL using Transformers' old names."""
    if not on_terminal():
        os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", message=".(is_)?gradient_checkpointing. is deprecated", category=FutureWarning)


if __name__ == "__main__":
    sys.exit(main())
