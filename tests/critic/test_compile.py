"""The compiler: the same bytes everywhere, and a root that stands for all of them."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lexgate._digests import digest
from lexgate._yaml import read
from lexgate.app.commands.compile import write_compiled
from lexgate.constitutions import FORMATS, find, load, read_format, shipped, write_yaml
from lexgate.constitutions._build import from_data
from lexgate.critic import TARGETS, compile_prompts, compile_to, root_of
from lexgate.errors import UsageError

SOURCE = Path(__file__).parents[2] / "src"
RULES = Path(__file__).parent / "targets" / "golden" / "clinic@1.0.0.yaml"
# Compiles every shipped constitution to every target, in a fresh interpreter; prints the roots.
SCRIPT = """
import json, sys
from pathlib import Path
from lexgate.constitutions import load
from lexgate.critic import TARGETS, compile_to
files = [Path(name) for name in sys.argv[1:]]
print(json.dumps({f"{f.stem} {t}": compile_to(t, load(f)).root for f in files for t in TARGETS},
                 sort_keys=True))
"""
PYTHONS = ("3.12", "3.13")


def roots(files, python=sys.executable, **environment):
    done = subprocess.run(
        [python, "-c", SCRIPT, *map(str, files)],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The shipped constitutions, copied in the reverse order of their names."""
    folder = tmp_path_factory.mktemp("library")
    source = SOURCE / "lexgate" / "constitutions" / "library"
    return [Path(shutil.copy(path, folder)) for path in sorted(source.glob("*.yaml"), reverse=True)]


@pytest.fixture(scope="module")
def wanted(library):
    return roots(library)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati"},
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
        {"PYTHONOPTIMIZE": "2", "HOME": "/nonexistent", "COLUMNS": "20"},
    ],
    ids=lambda found: " ".join(f"{k}={v}" for k, v in found.items()),
)
def test_hash_seeds_locales_and_time_zones_change_no_byte(environment, library, wanted):
    assert roots(library, **environment) == wanted


def test_the_order_of_files_and_of_keys_changes_no_byte(library, wanted, tmp_path):
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    copies = [tmp_path / path.name for path in reversed(library)]
    for copy in copies:
        data = read(next(p for p in library if p.name == copy.name).read_text("utf-8")).data
        copy.write_text(write_yaml(turned(data)), encoding="utf-8")

    assert roots(copies) == wanted


def interpreter(version):
    """Find a Python of this version that has what compiling needs, or say why there is none."""
    own = Path(__file__).parents[2] / f".venv-{version}" / "bin" / "python"
    found = str(own) if own.exists() else shutil.which(f"python{version}")
    if found is None:
        pytest.skip(f"there is no python{version} on this machine")
    needs = "import click, yaml, jsonschema, sys; sys.exit(sys.version_info[:2] != %r)"
    wanted = tuple(map(int, version.split(".")))
    probe = subprocess.run([found, "-c", needs % (wanted,)], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"python{version} lacks click, PyYAML or jsonschema: `make tools` brings them")
    return found


@pytest.mark.parametrize("version", PYTHONS)
def test_another_python_gives_the_same_bytes(version, library, wanted):
    assert roots(library, python=interpreter(version)) == wanted


@pytest.mark.parametrize("reference", shipped())
def test_a_shipped_constitution_compiles_to_every_target_in_five_seconds(reference):
    start = time.process_time()
    rules = find(reference)
    for target in TARGETS:
        compiled = compile_to(target, rules)

        assert compiled.files
        assert compiled.root == digest([rules.digest, target, compiled.manifest["artefacts"]])

    assert time.process_time() - start < 5


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_byte_for_byte_what_its_golden_files_say(target):
    """To write them anew after a deliberate change: LEXGATE_GOLDEN=write, and read the diff."""
    folder = RULES.parent / target
    compiled = compile_to(target, load(RULES))
    if os.environ.get("LEXGATE_GOLDEN") == "write":
        write_compiled(compiled, folder)
    written = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }

    manifest = json.loads(written.pop("manifest.json"))
    assert written == compiled.files
    assert manifest == compiled.manifest


@pytest.mark.parametrize("reference", shipped())
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_exported_with_sealed_examples_is_imported_with_the_same_digest(
    name, reference, tmp_path
):
    rules = find(reference)
    for path, content in compile_to(name, rules, sealed=True).files.items():
        (tmp_path / path).write_bytes(content)

    assert from_data(read_format(name, [tmp_path]).data).digest == rules.digest


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_holds_a_sealed_example_unless_it_is_asked_for(target):
    rules = find("everyday-assistant@1.0.0")
    text = b"\n".join(compile_to(target, rules).files.values()).decode("utf-8")
    sealed = [e for p in rules.principles for e in p.examples if e.split == "sealed"]

    assert sealed
    assert [e.id for e in sealed if e.id in text or e.response in text] == []


def test_targets_that_are_never_read_back_never_hold_sealed_examples():
    with pytest.raises(UsageError, match="the target trl never holds sealed examples"):
        compile_to("trl", find("demo@1.0.0"), sealed=True)


def test_an_unknown_target_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="no target 'critics'; there are cai, critic, "):
        compile_to("critics", find("demo@1.0.0"))


def test_one_word_in_one_of_twenty_principles_changes_one_prompt(tmp_path):
    entry = read(RULES.read_text(encoding="utf-8")).data
    rule = {k: v for k, v in entry["principles"][0].items() if k not in {"examples", "overrides"}}
    rules = [
        {**rule, "id": f"p{n}", "text": f"The rule number {n} is kept.", "propositions": [], "x": n}
        for n in range(20)
    ]
    for number, one in enumerate(rules):
        del one["x"], one["propositions"], one["violated_when"]
        one.pop("checks", None)
        one.pop("rubric", None)
        one["exceptions"] = [f"Exception {number}."]
    head = {k: v for k, v in entry.items() if k not in {"principles", "mappings"}}
    path = tmp_path / "twenty.yaml"

    def compiled():
        path.write_text(yaml.safe_dump({**head, "principles": rules}, sort_keys=False))
        constitution = load(path)
        return {p.principle: p.digest for p in compile_prompts(constitution)}, root_of(constitution)

    before, root = compiled()
    rules[7]["text"] = "The rule number 7 is always kept."
    after, another = compiled()

    assert [id_ for id_ in before if before[id_] != after[id_]] == ["p7"]
    assert root != another
