"""A BERT encoder small enough to be trained in seconds."""

from pathlib import Path

import pytest

from tests import toyencoder

EACH = 100


@pytest.fixture(scope="session")
def label_files(tmp_path_factory) -> list[str]:
    """Three hundred rows of the corpus, of three topics."""
    return toyencoder.label_files(tmp_path_factory.mktemp("labels"), EACH)


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory, label_files) -> str:
    """The folder of an untrained encoder with a vocabulary of those rows."""
    texts = [Path(path).read_text(encoding="utf-8") for path in label_files]
    return toyencoder.toy_encoder(tmp_path_factory.mktemp("base"), texts)
