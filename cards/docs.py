"""The docstrings under the members of an enumeration, read from its source, so that a card says what the code says."""

import ast
import inspect
import textwrap
from enum import Enum
from functools import lru_cache
from itertools import pairwise


@lru_cache
def member_docs(enumeration: type[Enum]) -> dict[str, str]:
    """The docstring under each member, by the member's name; members without one are left out."""
    body = ast.parse(textwrap.dedent(inspect.getsource(enumeration))).body[0]
    assert isinstance(body, ast.ClassDef), "the source of a class is a class"
    docs = {}
    for member, doc in pairwise(body.body):
        told = isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant)
        if isinstance(member, ast.Assign) and isinstance(member.targets[0], ast.Name) and told:
            docs[member.targets[0].id] = " ".join(str(doc.value.value).split())  # type: ignore[attr-defined]
    return docs
