"""The house keeps its promises: doors, floors, light start-up, small files and functions."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import lexgate

PACKAGE = Path(lexgate.__file__).parent
ROOMS = ("constitutions", "critic", "evals", "gates", "loop", "app")
HEAVY = (
    "torch",
    "transformers",
    "lm_eval",
    "streamlit",
    "sklearn",
    "pandas",
    "datasets",
    "aiohttp",
)
SOURCES = sorted(PACKAGE.rglob("*.py"))
INSIDE = [path for path in SOURCES if path.name != "__main__.py"]


def modules_after(code):
    """Names of all modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nsys.stderr.write('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return {name.split(".")[0] for name in done.stderr.splitlines()}


@pytest.mark.parametrize("room", ROOMS)
def test_the_door_of_a_room_lists_exactly_what_it_exposes(room):
    door = importlib.import_module(f"lexgate.{room}")
    tree = ast.parse(Path(door.__file__).read_text(encoding="utf-8"))
    exposed = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    exposed |= {
        node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }

    assert len(door.__all__) == len(set(door.__all__))  # the linter keeps them sorted (RUF022)
    assert set(door.__all__) == {name for name in exposed if not name.startswith("_")}
    assert all(hasattr(door, name) for name in door.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_opening_a_room_loads_no_heavy_library(room):
    assert not modules_after(f"import lexgate.{room}") & set(HEAVY)


def test_help_loads_next_to_nothing():
    code = (
        "import contextlib, io, sys\n"
        "from lexgate.app.main import main\n"
        "sys.argv = ['lexgate', '--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()"
    )

    loaded = modules_after(code)

    assert not loaded & {*HEAVY, "scipy", "numpy", "yaml", "jsonschema", "rich", "asyncio"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(source):
    text = source.read_text(encoding="utf-8")
    functions = [
        (node.end_lineno - node.lineno + 1, node.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]

    assert text.count("\n") <= 400
    assert [found for found in functions if found[0] > 60] == []


@pytest.mark.parametrize("source", INSIDE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_is_entered_through_its_door(source):
    room = source.relative_to(PACKAGE).parts[0]
    imported = [
        node.module
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lexgate.")
    ]
    strangers = [name for name in imported if name.split(".")[1] in set(ROOMS) - {room}]

    assert [name for name in strangers if name.count(".") > 1] == []


def test_heavy_libraries_are_imported_in_few_files():
    importers = {
        name: {
            str(path.relative_to(PACKAGE))
            for path in SOURCES
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if (
                isinstance(node, ast.Import)
                and any(a.name.split(".")[0] == name for a in node.names)
            )
            or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == name)
        }
        for name in ("torch", "transformers", "lm_eval", "sklearn", "vllm")
    }

    scoring = {f"critic/hf/_{name}.py" for name in ("model", "packed", "picks", "scorer", "walk")}
    training = {"critic/embedded/_train.py", "critic/hf/_encoder.py"}
    engine = {"critic/vllm/_model.py", "critic/vllm/_weights.py"}
    assert importers == {
        "torch": scoring | training | {"critic/vllm/_weights.py", "evals/_lm_eval.py"},
        "transformers": scoring - {"critic/hf/_picks.py", "critic/hf/_walk.py"} | training | engine,
        "lm_eval": {"evals/_lm_eval.py", "evals/_lm_eval_trie.py"},
        "sklearn": {"critic/_heads.py"},
        "vllm": {"critic/vllm/_model.py"},
    }
