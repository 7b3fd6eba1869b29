"""`ipm-prefdial validate DIR_OR_REPO[@REV]`: does the release keep its promises?"""

import argparse
from itertools import islice
from typing import Any

from ...cards.loading import loadable
from ..cluster.engine import parse_engine
from ..cluster.parts import apart_on
from ..release.read import Release
from ..release.validate import MOST, RULES, validate_release
from .places import add_engine, add_place, local_folder
from .show import say, say_json, say_table


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("validate", help="check every row of every config and every promise of a release")
    add_place(parser, optional=True)
    parser.add_argument("--rules", action="store_true", help="tell what each rule means, and stop")
    add_engine(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Validates; 1 where a promise is broken."""
    if options.rules:
        say_table("Rules", ("rule", "what holds"), RULES.items())
        return 0
    engine = parse_engine(options.engine)
    release = Release(engine.place(local_folder(options.place)))
    with apart_on(engine, (release.root,)) as apart:
        findings = list(islice(validate_release(release, apart), MOST + 1))
    rows = sum(record.rows or 0 for record in release.manifest.files.values())
    filled = loadable(release.manifest)
    empty = [config.value for config in release.configs if config not in filled]
    if options.json:
        say_json(
            {
                "clean": not findings,
                "rows": rows,
                "findings": [one.model_dump() for one in findings[:MOST]],
                "configs_without_rows": empty,
            }
        )
        return 1 if findings else 0
    for one in findings[:MOST]:
        say(str(one))
    more = f"{MOST} and more" if len(findings) > MOST else str(len(findings))
    say(f"{more} findings in {rows} rows" if findings else f"valid: {rows} rows keep {len(RULES)} rules")
    if empty:
        # The promises hold, which says nothing of whether there is anything to train on.
        say(f"without a row, so that `load_dataset` refuses them: {', '.join(empty)}")
    return 1 if findings else 0
