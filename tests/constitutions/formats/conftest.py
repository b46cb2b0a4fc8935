"""Other people's files, as they published them, where a checkout has them beside it."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    if not SHARED.is_dir():
        pytest.skip("the published files are not beside this checkout (../shared/data)")
    return SHARED
