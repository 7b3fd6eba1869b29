"""Reviews for tests: exports a release's pairs and fills the sheets in, as a person with the key in hand would."""

import csv
import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.review.forms import BETTER, COLUMNS, ERROR_LABELS, SHEETS, export_review
from ipm_prefdial.builders.review.sample import Key, KeyItem, Stratify, read_key, rows_by_id
from ipm_prefdial.schemas.config import Config

Filled = dict[str, str]
Fill = Callable[[str, KeyItem], Filled]
"""What an annotator writes into the cells of an item, with its key at hand."""

STRATA = (Stratify.STRATEGY, Stratify.ERROR)


@dataclass(frozen=True)
class Export:
    """An export in a folder."""

    folder: Path
    key: Key
    errors: dict[str, str]
    """The error of each item's rejected side."""

    @property
    def key_path(self) -> Path:
        """Where the key is."""
        return self.folder / "key.json"

    def sheet(self, name: str) -> Path:
        """One of the files for annotators."""
        return self.folder / SHEETS / name

    def items(self) -> list[Filled]:
        """The rows of the sheet."""
        return read_csv(self.sheet("review.csv"))

    def agreeing(self, item: str, entry: KeyItem) -> Filled:
        """What somebody writes who sees the pair as the release does."""
        a, b = ("none", self.errors[item]) if entry.a == "chosen" else (self.errors[item], "none")
        return {"error_a": a, "error_b": b, "better": "a" if entry.a == "chosen" else "b"}

    def filled(self, path: Path, fill: Fill, *, columns: Sequence[str] = COLUMNS) -> Path:
        """The sheet, filled in and saved under `path`."""
        rows = [row | fill(row["item"], self.key.items[row["item"]]) for row in self.items()]
        return write_csv(path, rows, columns=columns)


def export(
    release: Release, folder: Path, *, size: int = 60, config: Config = Config.RESPONSE, seed: int = 0
) -> Export:
    """An export of a release into a new folder."""
    export_review(release, folder, config=config, size=size, by=STRATA, seed=seed)
    key = read_key(folder / "key.json")
    rows = rows_by_id(release, config, {entry.row_id for entry in key.items.values()})
    errors = {item: str(rows[entry.row_id]["rejected_error"]) for item, entry in key.items.items()}
    return Export(folder, key, errors)


def at_random(name: str) -> Fill:
    """An annotator who throws dice."""
    dice = random.Random(name)

    def fill(item: str, entry: KeyItem) -> Filled:
        return {
            "error_a": dice.choice(ERROR_LABELS),
            "error_b": dice.choice(ERROR_LABELS),
            "better": dice.choice(BETTER),
        }

    return fill


def read_csv(path: Path) -> list[Filled]:
    """The rows of a sheet as it was written."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write_csv(
    path: Path,
    rows: Sequence[Filled],
    *,
    columns: Sequence[str] = COLUMNS,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Path:
    """A sheet as some spreadsheet program saves it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def label_studio_export(path: Path, export: Export, people: dict[object, Fill]) -> Path:
    """Label Studio's JSON export of the tasks, annotated by each of these users."""
    tasks = json.loads(export.sheet("label_studio.json").read_bytes())
    for number, task in enumerate(tasks, start=1):
        item = task["data"]["item"]
        task |= {"id": number, "predictions": [], "project": 3}
        task["annotations"] = [
            {
                "id": number * 100 + place,
                "completed_by": user,
                "was_cancelled": False,
                "result": [
                    {
                        "id": f"r{place}",
                        "type": "choices",
                        "from_name": name,
                        "to_name": "reply_a",
                        "value": {"choices": [cell]},
                    }
                    for name, cell in fill(item, export.key.items[item]).items()
                ],
            }
            for place, (user, fill) in enumerate(people.items())
        ]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def argilla_export(path: Path, export: Export, people: dict[str, Fill]) -> Path:
    """What Argilla's `records.to_json` writes once each of these users has answered."""
    records = json.loads(export.sheet("argilla.json").read_bytes())
    for record in records:
        answers = {user: fill(record["id"], export.key.items[record["id"]]) for user, fill in people.items()}
        record["responses"] = {
            name: [{"value": cells[name], "user_id": user} for user, cells in answers.items()]
            for name in ("error_a", "error_b", "better")
        }
        record |= {"status": "completed", "_server_id": "0a4c"}
    path.write_text(json.dumps(records), encoding="utf-8")
    return path
