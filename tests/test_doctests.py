"""Every example in the documentation of the code runs as it stands."""

import doctest
import importlib
import pkgutil

import pytest

FOLDERS = ("model", "stream", "alerts", "deploy")


def modules() -> list[str]:
    found = []
    for folder in FOLDERS:
        package = importlib.import_module(folder)
        found += [folder, *(each.name for each in pkgutil.walk_packages(package.__path__, folder + "."))]
    return found


@pytest.mark.parametrize("name", modules())
def test_its_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder()
    examples = sum(len(each.examples) for name in modules() for each in finder.find(importlib.import_module(name)))
    assert examples >= 10
