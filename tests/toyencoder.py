"""A BERT encoder small enough to be trained in seconds, and labelled rows for it."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "training" / "corpus"
TOPICS = ("earnings", "central_banks", "personnel_labour")


def label_files(folder: Path, each: int, step: int = 5) -> list[str]:
    """So many rows of the corpus of each of three topics, a file a topic: not those of its beginning alone but one in
    `step`, so that all sentiments are among them."""
    for name in TOPICS:
        header, *lines = (CORPUS / f"{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.csv").write_text(header + "".join(lines[::step][:each]), encoding="utf-8")
    return [str(path) for path in sorted(folder.iterdir())]


def toy_encoder(folder: Path, texts: Sequence[str]) -> str:
    """The folder of an untrained encoder: 2 layers, 32 wide, with a WordPiece vocabulary of the texts' own words."""
    words = [word for word, _ in Counter(re.findall(r"[a-z]+|\d|[^\w\s]", " ".join(texts).lower())).most_common(900)]
    letters = sorted({character for word in words for character in word})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = list(dict.fromkeys([*special, *words, *letters, *(f"##{letter}" for letter in letters)]))
    return untrained(folder, vocabulary, 32, 7)


def untrained(folder: Path, vocabulary: Sequence[str], width: int, seed: int) -> str:
    """The folder of an encoder of 2 layers, so wide, with weights drawn by a seed."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=True).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * width,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)
