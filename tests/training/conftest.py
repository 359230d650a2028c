"""A BERT encoder small enough to be trained in seconds."""

import re
from collections import Counter
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "training" / "corpus"
EACH = 100


@pytest.fixture(scope="session")
def label_files(tmp_path_factory) -> list[str]:
    """Three hundred rows of the corpus, of three topics: each fifth, so that all sentiments are among them."""
    folder = tmp_path_factory.mktemp("labels")
    for name in ("earnings", "central_banks", "personnel_labour"):
        header, *lines = (CORPUS / f"{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.csv").write_text(header + "".join(lines[: 5 * EACH : 5]), encoding="utf-8")
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory, label_files) -> str:
    """The folder of an untrained encoder: 2 layers, 32 wide, with a WordPiece vocabulary of the texts' own words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("base")
    text = " ".join(Path(path).read_text(encoding="utf-8").lower() for path in label_files)
    words = [word for word, _ in Counter(re.findall(r"[a-z]+|\d|[^\w\s]", text)).most_common(900)]
    letters = sorted({character for word in words for character in word})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = list(dict.fromkeys([*special, *words, *letters, *(f"##{letter}" for letter in letters)]))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)
