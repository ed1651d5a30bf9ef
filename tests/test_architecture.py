"""The house rules that a machine can check: who may import whom, and how long anything may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE_LINES, FUNCTION_LINES = 300, 40
BANNED_WORDS = {"util", "utils", "helper", "helpers", "manager", "service", "services", "common", "misc"}

# From the ground up: a layer imports itself and those above it in this table. `x.*` is what lies inside a package.
# A module that is named nowhere belongs to the domain.
LAYERS = {
    "words": """
        lean sqlite_library errors clock ids money crypto cards vpa addresses signatures strict_json limits processors
        objects webhook_objects reach
    """,
    "store": "config db db.*",
    "tables": "models models.* migrations migrations.* statements",
    "rules": "states ledger events idempotency bell watch processors.*",
    "domain": "*",
    "jobs": "jobs jobs.*",
    "web": "web web.*",
    "server": "server web.serving terminal cli __main__",
}

# Some things are known to these layers only.
KNOWN_TO = {
    "peewee": "store tables rules domain",
    "playhouse": "store tables rules domain",
    "huey": "jobs",
    "sanic": "web server",
    "gateway.models": "tables rules domain",
    "gateway.statements": "tables rules domain",
    "gateway.jobs": "jobs server",
}

ORDER = list(LAYERS)
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.glob("gateway/**/*.py"))
}
TREES = {module: ast.parse(path.read_text()) for module, path in SOURCES.items()}


def layer_of(module: str) -> str:
    """The layer of `gateway.web.orders` is `web`."""
    name = module.removeprefix("gateway.")
    for wanted in (name, name.split(".")[0] + ".*"):
        for layer, members in LAYERS.items():
            if wanted in members.split():
                return layer
    return "domain"


def imports_of(module: str) -> Iterator[str]:
    """Every module that this one imports, wherever in it the import stands."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{module}: imports are written in full"
            names = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in SOURCES else node.module for name in names)


EDGES = [(module, imported) for module in SOURCES for imported in set(imports_of(module))]


def test_imports_run_one_way():
    ours = [(module, imported) for module, imported in EDGES if imported in SOURCES and imported != "gateway"]
    assert ours
    assert not [
        f"{module} ({layer_of(module)}) imports {imported} ({layer_of(imported)})"
        for module, imported in ours
        if ORDER.index(layer_of(module)) < ORDER.index(layer_of(imported))
    ]


def test_each_technology_is_known_where_it_belongs():
    assert not [
        f"{module} ({layer_of(module)}) imports {imported}"
        for module, imported in EDGES
        for secret, layers in KNOWN_TO.items()
        if (imported + ".").startswith(secret + ".") and layer_of(module) not in layers.split()
    ]


def test_files_and_functions_are_short():
    too_long = [module for module, path in SOURCES.items() if len(path.read_text().splitlines()) > FILE_LINES]
    for module, tree in TREES.items():
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        too_long += [f"{module}.{f.name}" for f in functions if f.end_lineno - f.lineno >= FUNCTION_LINES]
    assert not too_long


def test_nobody_sleeps():
    sleeps = ("time.sleep", "from time import sleep")
    assert not [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.ImportFrom) and ast.unparse(node).startswith(sleeps)
    ]


def test_names_say_what_is_inside():
    assert not [module for module in SOURCES if BANNED_WORDS & set(module.replace(".", "_").split("_"))]


def test_every_module_opens_with_one_sentence():
    assert not [module for module, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]
