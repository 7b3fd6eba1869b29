"""`ipm-prefdial verify DIR`: is the release what its own records give?"""

import argparse
from typing import Any

from ..rebuild import verify_release
from .places import add_place, local_folder
from .show import say, say_json

MOST = 50


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("verify", help="rebuild from the recorded completions, offline, and compare every byte")
    add_place(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verifies; 1 where anything differs."""
    found = verify_release(local_folder(options.place))
    if options.json:
        differences = [one.model_dump() for one in found.differences]
        say_json(
            {"clean": found.clean, "rows": found.rows, "other_writer": found.other_writer, "differences": differences}
        )
        return 0 if found.clean else 1
    for one in found.differences[:MOST]:
        say(str(one))
    if len(found.differences) > MOST:
        say(f"… and {len(found.differences) - MOST} more")
    if found.other_writer is not None:
        say(f"the tables were written by {found.other_writer}, another writer than here: rows were compared, not bytes")
    how = "every byte" if found.other_writer is None else "every row"
    say(
        f"verified: {found.rows} rows rebuilt, {how} is the same"
        if found.clean
        else f"{len(found.differences)} differences"
    )
    return 0 if found.clean else 1
