"""Imports point downwards, what is public is documented, and reading a release needs nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("schemas", "prompts", "builders", "cards", "recipes")

ALLOWED = {
    "schemas": set(),
    "prompts": {"schemas"},
    "builders.inference": {"schemas"},
    "builders.statistics": {"schemas"},
    "builders.environment": set(),
    "cards": {"schemas"},
    "builders": {
        "schemas",
        "prompts",
        "builders.inference",
        "builders.statistics",
        "builders.environment",
        "builders.audit",
        "cards",
    },
    "builders.audit": {"schemas", "prompts", "builders", "builders.inference", "builders.statistics", "cards"},
    "recipes": {
        "schemas",
        "prompts",
        "builders.inference",
        "builders.statistics",
        "builders.environment",
        "builders.audit",
    },
}
"""What each layer may import, besides itself."""

ROOF = ("builders.cli.main", "recipes.cli")
"""The one module that mounts the commands of the layer above its own, and where these are."""


def _modules() -> list[str]:
    """Every module of the package, by its dotted name below it."""
    paths = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)


MODULES = _modules()


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def layer_of(module: str) -> str:
    """The layer that a module belongs to."""
    inner = ".".join(module.split(".")[:2])
    return inner if inner in ALLOWED else module.partition(".")[0]


def imported_by(module: str, tree: ast.Module, *, is_package: bool) -> Iterator[str]:
    """The modules of ours that `tree`, the code of `module`, imports, by their dotted names below the package."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            origin = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from (origin if node.module else f"{origin}.{name.name}".strip(".") for name in node.names)


def violations(module: str, tree: ast.Module, *, is_package: bool = False) -> list[str]:
    """What a module imports that its layer may not."""
    layer = layer_of(module)
    wrong = []
    for imported in imported_by(module, tree, is_package=is_package):
        mounted = module == ROOF[0] and f"{imported}.".startswith(f"{ROOF[1]}.")
        if layer_of(imported) not in {layer, *ALLOWED[layer]} and not mounted:
            wrong.append(f"{module} imports {imported}")
        if "cli" in imported.split(".") and "cli" not in module.split("."):
            wrong.append(f"{module} imports a command: {imported}")
    return wrong


def _absolute_imports(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append(str(node.module))
    return found


def test_all_rooms_are_looked_at() -> None:
    assert {"schemas.rows", "prompts.library", "builders.rebuild", "builders.release.read", "cards.render"} <= set(
        MODULES
    )


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    assert violations(module, _tree(module), is_package=_path(module).name == "__init__.py") == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_inside_the_package_are_relative(module: str) -> None:
    ours = ("ipm_prefdial", *ROOMS)
    assert [name for name in _absolute_imports(_tree(module)) if name.split(".")[0] in ours] == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("schemas.rows", "from ..builders.release.read import Release"),
        ("schemas.rows", "from .. import prompts"),
        ("prompts.library", "from ..builders.inference.client import Completer"),
        ("builders.inference.record", "from ..release.write import sync_file"),
        ("builders.inference.corpus.planner", "from ....prompts.library import load_prompt"),
        ("cards.render", "from ..builders.release.columns import arrow_schema"),
        ("builders.pipeline", "from ..recipes.train import main"),
        ("builders.pipeline", "from .cli.main import main"),
        ("builders.release.read", "from ..cli import main"),
        ("builders.statistics.bootstrap", "from ..audit.batch import Pairs"),
        ("builders.cli.main", "from ...recipes.evaluate.run import run_evaluation"),
        ("builders.cli.build", "from ...recipes.cli import evaluate"),
        ("recipes.train", "from ..builders.release.read import Release"),
        ("recipes.train", "def run():\n    from ..cards.render import render_card"),
    ],
)
def test_wrong_import_would_be_found(module: str, line: str) -> None:
    assert len(violations(module, ast.parse(line))) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("schemas.rows", "from .base import Frozen"),
        ("builders.pipeline", "from ..cards.render import render_card\nfrom .inference.record import Records"),
        (
            "builders.inference.corpus.planner",
            "from ....schemas.strategy import Strategy\nfrom ..client import Completer",
        ),
        ("builders.cli.main", "from .build import build"),
        ("builders.cli.main", "from ...recipes.cli import evaluate"),
        ("recipes.metrics.bias", "from ...builders.statistics.strengths import bias_of"),
        ("recipes.train", "from ..builders.inference.client import Completer\nimport trl"),
    ],
)
def test_right_import_is_not_found(module: str, line: str) -> None:
    assert violations(module, ast.parse(line)) == []


def _undocumented(tree: ast.Module) -> Iterator[str]:
    """Public classes, functions and methods without a docstring; what is inside a function is nobody's business."""
    if ast.get_docstring(tree) is None:
        yield "the module"

    def look(body: list[ast.stmt], within: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(
                "_"
            ):
                if ast.get_docstring(node) is None:
                    yield f"{within}{node.name}"
                if isinstance(node, ast.ClassDef):
                    yield from look(node.body, f"{within}{node.name}.")

    yield from look(tree.body, "")


@pytest.mark.parametrize("module", [module for module in MODULES if _path(module).stat().st_size])
def test_everything_public_has_a_docstring(module: str) -> None:
    assert list(_undocumented(_tree(module))) == []


def test_missing_docstring_would_be_found() -> None:
    code = "class A:\n    def f(self): ...\n    def _g(self): ...\ndef _h(): ...\nasync def i():\n    def j(): ..."
    assert list(_undocumented(ast.parse(code))) == ["the module", "A", "A.f", "i"]


HEAVY = (
    "torch",
    "transformers",
    "trl",
    "datasets",
    "sklearn",
    "scipy",
    "pandas",
    "datasketch",
    "huggingface_hub",
    "openai",
    "aiohttp",
    "plotly",
)
"""Libraries that take long to import, each needed by a few commands alone."""


@pytest.mark.parametrize(
    ("module", "light"),
    [
        ("schemas.rows", (*HEAVY, "pyarrow", "numpy", "yaml", "jinja2")),
        ("schemas.manifest", (*HEAVY, "pyarrow", "numpy", "yaml", "jinja2")),
        ("prompts.library", (*HEAVY, "pyarrow", "numpy", "yaml", "jinja2")),
        ("builders.mining.mine", (*HEAVY, "pyarrow", "numpy")),
        ("builders.release.read", HEAVY),
        ("builders.release.write", HEAVY),
        ("builders.release.validate", HEAVY),
        ("builders.release.verify", HEAVY),
        ("builders.releases", (*HEAVY, "pyarrow", "numpy")),
        ("builders.assemble", HEAVY),
        ("cards.render", (*HEAVY, "matplotlib", "pyarrow", "numpy")),
        ("cards.croissant", (*HEAVY, "matplotlib", "pyarrow", "numpy")),
        ("builders.finish", (*HEAVY, "matplotlib")),
        ("cards.report", (*HEAVY, "pyarrow", "numpy")),
        ("builders.rebuild", HEAVY),
        ("builders.report", HEAVY),
        ("builders.publish.run", HEAVY),
        ("builders.release.fetch", HEAVY),
        ("builders.audit.run", HEAVY),
        ("recipes.cli.evaluate", (*HEAVY, "pyarrow", "numpy")),
        ("recipes.evaluate.run", (*HEAVY, "sacrebleu", "nltk", "rouge_score", "matplotlib")),
        ("builders.audit.foreign", [name for name in HEAVY if name != "huggingface_hub"]),
        ("builders.intake", [name for name in HEAVY if name != "huggingface_hub"]),
        ("recipes.cli.recipe", (*HEAVY, "pyarrow", "numpy")),
        ("recipes.train.run", (*HEAVY, "pyarrow", "numpy")),
        ("recipes.mining.run", (*HEAVY, "pyarrow", "numpy")),
    ],
)
def test_import_brings_nothing_heavy(module: str, light: tuple[str, ...]) -> None:
    code = f"import sys, ipm_prefdial.{module}; print(*[one for one in {tuple(light)!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
