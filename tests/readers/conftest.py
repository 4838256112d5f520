"""pytest is told which lake to read: pytest -m spark tests/readers --lake data/lake"""

import pathlib

import pytest

from promise import Lake


def pytest_addoption(parser):
    parser.addoption("--lake", type=pathlib.Path, required=True, help="the folder of a lake")


@pytest.fixture(scope="session")
def lake(request):
    return Lake(request.config.getoption("--lake").resolve())
