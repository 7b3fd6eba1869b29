"""Imports point downwards only, without cycles, and reading a release needs nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = (
    "schemas",
    "prompts",
    "cards",
    "builders.runtime",
    "builders.statistics",
    "builders.safety",
    "builders.sources",
    "builders.models",
    "builders.mining",
    "builders.reasoning",
    "builders.specs.released",
    "builders.release",
    "builders.review",
    "builders.auditing",
    "builders.building",
    "builders.distributed",
    "builders.publishing",
    "builders",
    "recipes.catalogue",
    "recipes.tiny",
    "recipes.data",
    "recipes.metrics",
    "recipes.runs",
    "recipes.reward",
    "recipes.grpo",
    "recipes.train",
    "recipes.evaluate",
    "recipes.serving",
    "recipes.loop",
    "recipes.study",
    "recipes.cli",
    "builders.cli",
)
"""Every package and loose module, lowest first. Code imports what stands above its own line, and nothing below it.

The packages inside one of these (such as `builders.models.batch`) are part of it.
"""

CLOSED = {
    "cards": {"schemas"},
    "recipes": {
        "schemas",
        "prompts",
        "builders.runtime",
        "builders.statistics",
        "builders.models",
        "builders.auditing",
    },
}
"""Packages that may import less than all above: cards are made from files, and recipes read releases as users do."""


def _modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name below it."""
    tops = {layer.partition(".")[0] for layer in LAYERS}
    paths = sorted(path for top in tops for path in (ROOT / top).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = _modules()


def layer_of(module: str) -> str:
    """The layer that a module belongs to: the longest of the list that its name begins with."""
    found = [layer for layer in LAYERS if f"{module}.".startswith(f"{layer}.")]
    return max(found, key=len) if found else module


def imported_by(module: str, tree: ast.Module, *, is_package: bool = False) -> Iterator[str]:
    """The modules of ours that `tree`, the code of `module`, imports, by their dotted names below the package."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            origin = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for name in node.names:
                inner = f"{origin}.{name.name}".strip(".")
                yield inner if inner in MODULES or not node.module else origin
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module)]
        yield from (f"{name} (absolute)" for name in names if name.split(".")[0] == "ipm_prefdial")


def violations(module: str, tree: ast.Module, *, is_package: bool = False) -> list[str]:
    """What a module imports that its layer may not."""
    layer = layer_of(module)
    above = set(LAYERS[: LAYERS.index(layer)])
    closed = CLOSED.get(module.partition(".")[0])
    if closed is not None and layer in LAYERS:
        above &= closed | {one for one in LAYERS if one.partition(".")[0] == module.partition(".")[0]}
    return [
        f"{module} imports {imported}"
        for imported in imported_by(module, tree, is_package=is_package)
        if layer_of(imported) not in {layer, *above}
    ]


def test_every_module_is_in_a_layer() -> None:
    assert [module for module in MODULES if layer_of(module) not in LAYERS and module not in ("recipes",)] == []
    assert [layer for layer in LAYERS if layer not in MODULES] == []


def test_imports_point_downwards() -> None:
    found = []
    for module, path in MODULES.items():
        if layer_of(module) in LAYERS:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += violations(module, tree, is_package=path.name == "__init__.py")
    assert found == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("schemas.rows", "from ..builders.release.read import Release"),
        ("schemas.spec", "from .. import prompts"),
        ("schemas.spec", "from ipm_prefdial.schemas.base import Frozen"),
        ("prompts.library", "from ..builders.models.client import Completer"),
        ("builders.models.record", "from ..release.write import sync_file"),
        ("builders.models.pool", "from ..build.ingest import Ingested"),
        ("builders.models.baseline.planner", "from ...mining.steps import steps_of"),
        ("builders.release.validate", "from ..audit.run import audit_source"),
        ("builders.building.run", "from ..distributed.run import collect_on_ray"),
        ("builders.building.run", "from ..cli.main import main"),
        ("builders.release.read", "from .. import cli"),
        ("builders.cli.build", "from ...recipes.cli import missing\nfrom .main import main\nfrom ...tests import x"),
        ("cards.render", "from ..builders.release.layout import arrow_schema"),
        ("recipes.grpo.reward", "from ..train.run import train"),
        ("recipes.train.run", "from ...builders.release.read import Release"),
        ("recipes.train.run", "def run():\n    from ...cards.render import render_card"),
    ],
)
def test_wrong_import_would_be_found(module: str, line: str) -> None:
    assert len(violations(module, ast.parse(line))) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("schemas.spec", "from .base import Frozen\nimport pydantic"),
        ("builders.building.run", "from ...cards.render import render_card\nfrom ..models.record import Records"),
        (
            "builders.models.baseline.planner",
            "from ....schemas.strategy import Strategy\nfrom ..client import Completer",
        ),
        ("builders.cli.main", "from ...recipes.cli.evaluate import add_evaluate"),
        ("recipes.metrics.strategies", "from ...builders.statistics.bounds import bias_of"),
        ("recipes.train.run", "from ...builders.models.client import Completer\nimport trl"),
    ],
)
def test_right_import_is_not_found(module: str, line: str) -> None:
    assert violations(module, ast.parse(line)) == []


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


LIGHT: dict[str, Sequence[str]] = {
    "schemas.rows": (*HEAVY, "pyarrow", "numpy", "yaml", "jinja2"),
    "schemas.manifest": (*HEAVY, "pyarrow", "numpy", "yaml", "jinja2"),
    "prompts.library": (*HEAVY, "pyarrow", "numpy", "yaml", "jinja2"),
    "builders.mining.mine": (*HEAVY, "pyarrow", "numpy"),
    "builders.release.write": HEAVY,
    "builders.release.validate": HEAVY,
    "builders.specs.released": (*HEAVY, "pyarrow", "numpy"),
    "cards.render": (*HEAVY, "matplotlib", "pyarrow", "numpy"),
    "cards.croissant": (*HEAVY, "matplotlib", "pyarrow", "numpy"),
    "builders.building._assemble": (*HEAVY, "matplotlib"),
    "cards.report": (*HEAVY, "pyarrow", "numpy"),
    "builders.building.rebuild": HEAVY,
    "builders.release.report": HEAVY,
    "builders.publishing.run": HEAVY,
    "builders.release.read": HEAVY,
    "builders.auditing.run": HEAVY,
    "recipes.cli.evaluate": (*HEAVY, "pyarrow", "numpy"),
    "recipes.evaluate.run": (*HEAVY, "sacrebleu", "nltk", "rouge_score", "matplotlib"),
    "builders.auditing.foreign": [name for name in HEAVY if name != "huggingface_hub"],
    "builders.building.ingest": [name for name in HEAVY if name != "huggingface_hub"],
    "recipes.cli.recipe": (*HEAVY, "pyarrow", "numpy"),
    "recipes.train.run": (*HEAVY, "pyarrow", "numpy"),
    "recipes.loop.run": (*HEAVY, "pyarrow", "numpy"),
}
"""What importing a module must not bring."""

PROBE = """
import importlib, os, sys
for module, light in {light!r}.items():
    if not (child := os.fork()):
        importlib.import_module("ipm_prefdial." + module)
        print(*(module + " imports " + one for one in light if one in sys.modules), sep="\\n", flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, module
"""
"""Imports each module in a process of its own, which is forked before anything of ours is loaded."""


def test_imports_bring_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE.format(light=LIGHT)], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [""] * (len(LIGHT) + 1)
