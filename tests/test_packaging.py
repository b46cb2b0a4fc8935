"""The wheel and the sdist hold each file of the package once, whatever the checkout looks like."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINKS = ("app", "constitutions", "critic", "evals", "gates")


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def tracked():
    """Files of the package as git tracks them."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files to compare with")
    listed = run("git", "ls-files", "src/lexgate", cwd=ROOT).splitlines()
    return sorted(name.removeprefix("src/") for name in listed)


@pytest.fixture(scope="module", params=["true", "false"], ids=["links", "no-links"])
def built(request, tracked, tmp_path_factory):
    """Wheel and sdist built from a checkout with and without symbolic links."""
    checkout = tmp_path_factory.mktemp("checkout")
    run(
        *("git", "-c", f"core.symlinks={request.param}"),
        *("checkout-index", "--all", f"--prefix={checkout}/"),
        cwd=ROOT,
    )
    assert all((checkout / link).is_symlink() == (request.param == "true") for link in LINKS)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", ".", cwd=checkout)
    return checkout / "dist"


def test_the_wheel_holds_each_file_of_the_package_once(built, tracked):
    [wheel] = built.glob("*.whl")

    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]

    assert sorted(names) == tracked


def test_the_sdist_holds_each_file_of_the_package_once(built, tracked):
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]

    inside = [name.removeprefix("src/") for name in names if name.startswith("src/lexgate/")]

    assert sorted(inside) == tracked
    assert not [name for name in names if name.split("/")[0] in LINKS]


def test_the_links_at_the_root_lead_to_the_rooms():
    for link in LINKS:
        assert (ROOT / link).resolve() == ROOT / "src" / "lexgate" / link
