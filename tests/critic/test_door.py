"""The room's door: what it exposes, and what it does not load."""

import subprocess
import sys
import types

import lexgate.critic as door


def test_the_door_exposes_exactly_its_sorted_list():
    exposed = {
        name
        for name, value in vars(door).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert exposed == set(door.__all__)
    constants = [name for name in door.__all__ if name.isupper()]
    others = [name for name in door.__all__ if not name.isupper()]
    types_ = [name for name in others if name[0].isupper()]
    functions = [name for name in others if name[0].islower()]
    assert door.__all__ == [*sorted(constants), *sorted(types_), *sorted(functions)]


def test_the_door_and_the_cheap_names_load_no_heavy_library():
    code = (
        "import sys; from lexgate.critic import open_model; open_model('scripted/echo');"
        "heavy = {'torch', 'transformers', 'sklearn', 'scipy', 'huggingface_hub', 'yaml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
