"""The docstrings under members and fields, read from the classes' source, so that a card says what the code says."""

import ast
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import pairwise


def member_docs(enumeration: type[Enum]) -> dict[str, str]:
    """The docstring under each member, by the member's name; members without one are left out."""
    return _docs_in(enumeration.__module__)[enumeration.__name__]


def field_docs(model: type[object]) -> dict[str, str]:
    """The docstring under each field of a model, those that it inherits among them; fields without one are left out."""
    ours = [one for one in reversed(model.__mro__) if one.__module__.startswith(_OURS)]
    return {name: doc for one in ours for name, doc in _docs_in(one.__module__)[one.__name__].items()}


_OURS = __name__.partition(".")[0] + "."


@lru_cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    """What stands under the names that the classes of a module assign, by class and name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_docs_under(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_under(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for named, doc in pairwise(owner.body):
        if isinstance(named, ast.Assign | ast.AnnAssign) and isinstance(doc, ast.Expr):
            name = named.targets[0] if isinstance(named, ast.Assign) else named.target
            if isinstance(doc.value, ast.Constant):
                yield ast.unparse(name), " ".join(str(doc.value.value).split())
