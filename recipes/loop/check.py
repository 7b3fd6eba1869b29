"""Looks whether recipes can run here, in a process of its own: `python -m ipm_prefdial.recipes.loop.check`.

It reads a JSON list of word lists, as the training script takes them, from the file that it is given: so a wrong
setting or a machine without a GPU is reported before hours of training, and no GPU memory stays taken.
"""

import json
import sys
from pathlib import Path

from ...schemas.errors import PrefDialError
from ..runs.arguments import parse
from ..train.run import say_line


def main(path: Path) -> int:
    """0 where every recipe can run, else the exit code of the first error."""
    try:
        for words in json.loads(path.read_bytes()):
            parse(words)
    except PrefDialError as error:
        say_line(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
