"""Files as git knows them, compared with git itself."""

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.publishing._repo import Entry, LocalFile, disturbed, local_file, missing

NAMES = st.sampled_from(["README.md", "LICENSE", "data/a.parquet", "data/b.parquet", "notes/c.md"])
CONTENTS = st.dictionaries(NAMES, st.binary(max_size=3))


def oid_of(data: bytes) -> str:
    """The id that git itself gives a blob."""
    done = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git to compare with")
@pytest.mark.parametrize("data", [b"", b"one line\n", b"\0" * 3_000_000], ids=["empty", "text", "large"])
def test_a_file_has_the_ids_that_git_and_large_file_storage_give_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    file = local_file(tmp_path / "file")
    assert (file.oid, file.sha256, file.size) == (oid_of(data), sha256(data).hexdigest(), len(data))


def file_of(data: bytes) -> LocalFile:
    """A file that is nowhere."""
    return LocalFile(Path("nowhere"), sha256(data).hexdigest(), len(data), f"git:{data.hex()}")


def entry_of(data: bytes, *, large: bool) -> Entry:
    """The same file in a commit; git's id is that of a pointer where it is large."""
    file = file_of(data)
    return Entry(f"pointer:{data.hex()}" if large else file.oid, file.size, file.sha256 if large else None)


@given(wanted=CONTENTS, there=CONTENTS, large=st.sets(NAMES))
def test_what_is_missing_is_what_is_not_there_with_its_bytes(
    wanted: dict[str, bytes], there: dict[str, bytes], large: set[str]
) -> None:
    tree = {name: entry_of(data, large=name in large) for name, data in there.items()}
    told = list(missing(tree, {name: file_of(data) for name, data in wanted.items()}))
    assert len(told) == sum(there.get(name) != data for name, data in wanted.items())
    assert all(any(line.startswith(f"{name} ") for name in wanted) for line in told)


@given(wanted=CONTENTS, others=CONTENTS, there=CONTENTS)
def test_a_tree_is_undisturbed_where_others_have_just_what_they_had(
    wanted: dict[str, bytes], others: dict[str, bytes], there: dict[str, bytes]
) -> None:
    kept = {name: data for name, data in others.items() if name not in wanted}
    trees = [{name: entry_of(data, large=False) for name, data in one.items()} for one in (there, kept)]
    told = list(disturbed(trees[0], {name: file_of(data) for name, data in wanted.items()}, trees[1]))
    foreign = {name: data for name, data in there.items() if name not in wanted}
    assert bool(told) == (foreign != kept)
