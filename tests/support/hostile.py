"""Hostile inputs for tests, each made by a small function: release folders, dataset folders and single files.

Every one is made inside a folder of its own. Outside it lie a canary, which nothing may read or write, and a port on
which nothing may call (see `Watch`).
"""

import hashlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipm_prefdial.builders.release.layout import MANIFEST
from ipm_prefdial.builders.release.read import Release

CANARY = "canarywords of somebody else"
DEEP = "[" * 50_000 + "]" * 50_000

_OLD = 1_000_000_000
"""A time of last access that is older than the last change: so the next reading moves it, on a usual mount."""


@dataclass
class Watch:
    """What must not be touched, and what was opened meanwhile."""

    outside: Path
    port: int
    opened: list[str] = field(default_factory=list)
    connections: list[Any] = field(default_factory=list)

    @property
    def canary(self) -> Path:
        """A file with two dialogues of somebody else's."""
        return self.outside / "private.jsonl"

    @property
    def folder(self) -> Path:
        """A folder of somebody else's."""
        return self.outside / "folder"

    def arm(self) -> None:
        """Puts all as it must be found again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.canary.write_text("".join(talk(f"{CANARY} {number}") for number in range(2)))
        os.utime(self.canary, (_OLD, self.canary.stat().st_mtime))
        self.opened.clear()
        self.connections.clear()

    def touched(self) -> list[str]:
        """Everything that was done outside, in words."""
        found = [f"opened {path}" for path in self.opened if self._is_outside(path)]
        found += [f"connected to {address}" for address in self.connections]
        if self.canary.stat().st_atime != _OLD:
            found.append("read the canary")
        if self.canary.read_text() != "".join(talk(f"{CANARY} {number}") for number in range(2)):
            found.append("wrote the canary")
        found += [f"wrote {path.name} outside" for path in self.folder.iterdir()]
        self.arm()  # looking is touching, too
        return found

    def _is_outside(self, path: str) -> bool:
        return os.path.realpath(path).startswith(f"{os.path.realpath(self.outside)}{os.sep}")


@contextmanager
def watching(outside: Path) -> Iterator[Watch]:
    """Looks at every file that Python opens and every connection it makes, as long as the block lasts."""
    outside.mkdir()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        watch = Watch(outside, listening.getsockname()[1])
        _WATCHES.append(watch)
        if len(_HOOKED) == 0:
            _HOOKED.append(True)
            sys.addaudithook(_hook)  # cannot be taken away again: it is one for all tests of the process
        try:
            yield watch
        finally:
            _WATCHES.remove(watch)


_WATCHES: list[Watch] = []
_HOOKED: list[bool] = []


def _hook(event: str, told: tuple[Any, ...]) -> None:
    for watch in _WATCHES:
        if event == "open" and isinstance(told[0], str | bytes):
            watch.opened.append(os.fsdecode(told[0]))
        elif event == "socket.connect" and told[1][1:2] == (watch.port,):
            watch.connections.append(told[1])


def talk(words: str) -> str:
    """A dialogue in ESConv's form, as a line of JSON."""
    reply = {"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "When was that?"}
    return json.dumps({"dialog": [{"speaker": "seeker", "content": words}, reply]}) + "\n"


Make = Callable[[Path, Watch], None]
"""Makes a copy of a sound release, or a dataset folder with one sound file, hostile."""


def _listing(name: str) -> Make:
    """A manifest that lists one file more, with the digest that it has."""

    def make(root: Path, watch: Watch) -> None:
        data = watch.canary.read_bytes()
        record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": None, "rows_sha256": None}
        stated = name.format(outside=watch.outside, up=os.path.relpath(watch.outside, root))
        _change(root, lambda manifest: manifest["files"].update({stated: record}))

    return make


def _change(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((root / MANIFEST).read_bytes())
    change(manifest)
    (root / MANIFEST).write_text(json.dumps(manifest))


def _link(name: str, to: str) -> Make:
    def make(root: Path, watch: Watch) -> None:
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(watch.outside / to)

    return make


def _pipe(name: str) -> Make:
    def make(root: Path, watch: Watch) -> None:
        (root / name).unlink(missing_ok=True)
        os.mkfifo(root / name)

    return make


def _holding(name: str, data: str | bytes) -> Make:
    def make(root: Path, watch: Watch) -> None:
        (root / name).write_bytes(data if isinstance(data, bytes) else data.encode())

    return make


def _card(stated: str) -> Make:
    def make(root: Path, watch: Watch) -> None:
        name = stated.format(outside=watch.outside, port=watch.port, up=os.path.relpath(watch.outside, root))
        head = f"---\nlicense: cc-by-4.0\nconfigs:\n- config_name: default\n  data_files: {json.dumps(name)}\n---\n"
        (root / "README.md").write_text(head)

    return make


def _no_utf8(root: Path, watch: Watch) -> None:
    Path(os.fsdecode(bytes(root) + b"/\xff.jsonl")).write_text(talk("x"))


def _laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines)


SHARD = "data/response/train-00000-of-00001.parquet"

RELEASES: dict[str, tuple[Make, str]] = {
    "a manifest that names an absolute file": (_listing("{outside}/private.jsonl"), "it is absolute"),
    "a manifest that names a file above": (_listing("{up}/private.jsonl"), "it is not normal"),
    "a manifest that leaves and comes back": (_listing("data/../README.md"), "it is not normal"),
    "a manifest with a backslash": (_listing("data\\..\\x"), "it has a backslash"),
    "a manifest with a drive": (_listing("C:/x"), "it is absolute"),
    "a manifest with a line break in a name": (_listing("data/x\n.parquet"), "it has a control character"),
    "a manifest that names what no release has": (_listing("private.jsonl"), "is not a file of a release"),
    "a manifest that names a strange table": (_listing("data/other/train-00000-of-00001.parquet"), "is not a file of"),
    "a manifest that lists itself": (_listing(MANIFEST), "cannot list itself"),
    "a manifest without files": (lambda root, _: _change(root, lambda one: one["files"].clear()), "the list is empty"),
    "a deep manifest": (_holding(MANIFEST, DEEP), "nested too deeply"),
    "a manifest that says a thing twice": (_holding(MANIFEST, '{"files": {}, "files": {}}'), "stands twice"),
    "a manifest with NaN": (_holding(MANIFEST, '{"limit": NaN}'), "NaN is not a number"),
    "a manifest with a huge number": (_holding(MANIFEST, '{"limit": ' + "9" * 9_000 + "}"), "more than 64 bits"),
    "a manifest that is a link": (_link(MANIFEST, "private.jsonl"), "it is a link"),
    "a manifest that is a pipe": (_pipe(MANIFEST), "it is a named pipe"),
    "a card that is a link": (_link("README.md", "private.jsonl"), "it is a link"),
    "a changelog that is a link": (_link("CHANGELOG.md", "private.jsonl"), "it is a link"),
    "pictures that are a link": (_link("pictures", "folder"), "it is a link"),
    "tables that are a link": (_link("data", "folder"), "it is a link"),
    "a table that is a link": (_link(SHARD, "private.jsonl"), "it is a link"),
    "a table that is a pipe": (_pipe(SHARD), "it is a named pipe"),
    "a strange link": (_link("notes.txt", "private.jsonl"), "it is a link"),
    "a name that is not UTF-8": (_no_utf8, "a name that no data set may have"),
}
"""By what is wrong: how it is made, and what every verb says of it."""

PARTS: dict[str, tuple[Make, str]] = {
    "deep splits": (_holding("splits.json", DEEP), "splits.json"),
    "a deep audit": (_holding("audit.json", DEEP), "audit.json: not JSON: nested too deeply"),
    "a deep review": (_holding("review.json", DEEP), "review.json: not JSON: nested too deeply"),
    "deep publishing notes": (_holding("publishing.json", DEEP), "publishing.json: not JSON: nested too deeply"),
    "a binary changelog": (_holding("CHANGELOG.md", b"\xff\xfe\0\x80"), "CHANGELOG.md: not UTF-8"),
    "a damaged table": (_holding(SHARD, b"PAR1 nothing PAR1"), SHARD),
}
"""The same of files that some verbs read."""

DATASETS: dict[str, tuple[Make, str]] = {
    "a card that names an absolute file": (_card("{outside}/private.jsonl"), "it is absolute"),
    "a card that names a file above": (_card("{up}/private.jsonl"), "it is not normal"),
    "a card that names a URL": (_card("http://127.0.0.1:{port}/x.jsonl"), "it is a URL"),
    "a card with a chain of URLs": (_card("zip://x.jsonl::http://127.0.0.1:{port}/x.zip"), "it is a URL"),
    "a card of aliases without end": (_holding("README.md", f"---\n{_laughs()}\n---\n"), "with its aliases"),
    "a deep card": (_holding("README.md", f"---\na: {'[' * 5_000}\n---\n"), "nested too deeply"),
    "a card with a month 99": (_holding("README.md", "---\na: 2001-99-99\n---\n"), "a value cannot be read"),
    "a data file that is a link": (_link("test.jsonl", "private.jsonl"), "it is a link"),
    "a folder that is a link": (_link("test", "folder"), "it is a link"),
    "a data file that is a pipe": (_pipe("test.jsonl"), "it is a named pipe"),
    "a name that is not UTF-8": (_no_utf8, "a name that no data set may have"),
    "a deep record": (_holding("test.jsonl", f'{{"dialog": {DEEP}}}\n'), "nested too deeply"),
    "a record that says a thing twice": (_holding("test.jsonl", '{"dialog": [], "dialog": []}\n'), "stands twice"),
    "a record with a huge number": (_holding("test.jsonl", f'{{"dialog": {"9" * 9_000}}}\n'), "more than 64 bits"),
    "a record with NaN": (_holding("test.jsonl", '{"dialog": NaN}\n'), "NaN is not a number"),
    "a record that is not UTF-8": (_holding("test.jsonl", b'{"dialog": "\xff"}\n'), "not UTF-8"),
    "a table that is none": (_holding("train.parquet", b"PAR1 nothing PAR1"), "cannot be read"),
}
"""The same of dataset folders with one sound file `train.jsonl`."""

DOCUMENTS: dict[str, str | bytes] = {
    "deep": "[" * 5_000,
    "deep and whole": "[" * 2_000 + "]" * 2_000,
    "a month 99": "version: 2001-99-99\n",
    "aliases without end": _laughs(),
    "an alias to itself": "a: &a [*a]\n",
    "a key that is a list": "? [a]\n: b\n",
    "a key that is a number": "1: b\n",
    "a thing said twice": "version: 1\nversion: 2\n",
    "a Python object": "!!python/object/apply:os.system ['true']\n",
    "a huge number": f"version: {'9' * 9_000}\n",
    "NaN": "version: .nan\n",
    "merges": "a: &a {b: c}\n" + "d: {<<: [" + ", ".join(["*a"] * 90_000) + "]}\n",
    "no text": b"\xff\xfe\x00\x80",
    "large": "a" * 300_000,
    "a control character": "a: \x1b[31m\n",
}
"""YAML files that no verb reads; JSON ones are like them."""


def hostile_release(root: Path, sound: Release, make: Make, watch: Watch) -> Path:
    """A copy of a sound release, made hostile."""
    shutil.copytree(sound.root, root)
    make(root, watch)
    return root


def hostile_dataset(root: Path, make: Make, watch: Watch) -> Path:
    """A dataset folder, made hostile."""
    root.mkdir()
    (root / "train.jsonl").write_text(talk("The kiln broke."))
    make(root, watch)
    return root
