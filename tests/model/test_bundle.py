"""A bundle is opened only if every file in it is whole, and its packed weights come back as they were."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model.bundle import MANIFEST, Bundle, quantise, sha256_of
from model.errors import BundleError, UsageError
from model.registry import resolve

MATRIX = np.array([[1.0, -0.5, 0.0], [0.25, 127.0, 0.0]], np.float32)
VECTOR = np.array([0.5, -3.25, 1e-3], np.float32)


def make(folder: Path, **changes) -> Path:
    """A small bundle: its graphs are no graphs, which only the scorer would mind."""
    folder.mkdir(exist_ok=True)
    blob, tensors = bytearray(), []
    for name, axis in (("by_row", 0), ("by_column", 1)):
        packed, scale = quantise(MATRIX, axis)
        offset = len(blob)
        blob += packed.tobytes() + b"\0\0"
        scale_offset = len(blob)
        blob += scale.tobytes()
        tensors.append(
            {
                "name": name,
                "shape": [2, 3],
                "encoding": "int8",
                "offset": offset,
                "scale_offset": scale_offset,
                "axis": axis,
            }
        )
    tensors.append({"name": "plain", "shape": [3], "encoding": "fp32", "offset": len(blob)})
    blob += VECTOR.tobytes()
    contents = {"weights.bin": bytes(blob), "graph.onnx": b"graph", "tokenizer.json": b"{}", "CARD.md": b"# Card"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    manifest = {
        "format": 1,
        "name": "toy",
        "version": "toy-1",
        "created": "2026-01-01",
        "base": "none",
        "languages": ["en"],
        "topics": ["earnings", "other"],
        "sentiments": ["negative", "neutral", "positive"],
        "max_tokens": 96,
        "hidden_size": 32,
        "fusions": {},
        "graphs": {"fp32": "graph.onnx"},
        "weights_file": "weights.bin",
        "tensors": tensors,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest | changes), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    return make(tmp_path / "toy")


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as refused:
        Bundle.open(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_whole_bundle_is_opened(folder):
    opened = Bundle.open(folder)
    assert opened.version == "toy-1"
    assert opened.taxonomy.topics == ("earnings", "other")
    assert opened.graph("fp32") == folder / "graph.onnx"


@pytest.mark.parametrize("name", ["weights.bin", "graph.onnx", "tokenizer.json", "CARD.md"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"{folder / name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", ["weights.bin", "graph.onnx", "tokenizer.json", "CARD.md"])
@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: b"X" + raw[1:], lambda raw: b""]
)
def test_a_file_cut_lengthened_or_tampered_with_is_named(folder, name, spoil):
    path = folder / name
    path.write_bytes(spoil(path.read_bytes()))
    assert f"{path} is damaged" in refusal(folder)


def test_a_folder_that_is_not_there_or_has_no_manifest_is_told_apart(tmp_path):
    assert "there is no model folder" in refusal(tmp_path / "absent")
    assert f"{tmp_path / MANIFEST} cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[1]", b"{", b"null", b'{"format": 1}', b'{"format": 1, "name": 5}'])
def test_a_manifest_that_is_none_is_named(folder, raw):
    (folder / MANIFEST).write_bytes(raw)
    assert str(folder / MANIFEST) in refusal(folder)


def test_another_format_is_told_as_such(folder):
    make(folder, format=2)
    assert "has format 2, this version reads 1" in refusal(folder)


def test_an_unknown_field_in_the_manifest_is_refused(folder):
    make(folder, colour="red")
    assert "colour" in refusal(folder)


@pytest.mark.parametrize("name", ["weights.bin", "graph.onnx", "tokenizer.json"])
def test_a_file_that_the_manifest_has_no_checksum_of_is_refused(folder, name):
    files = json.loads((folder / MANIFEST).read_text())["files"]
    make(folder, files={each: digest for each, digest in files.items() if each != name})
    assert name in refusal(folder)


def test_a_graph_for_another_arithmetic_is_missed_by_name(folder):
    with pytest.raises(BundleError, match="no fp16 graph"):
        Bundle.open(folder).graph("fp16")


def test_weights_come_back_in_the_precision_that_was_asked_for(folder):
    opened = Bundle.open(folder)
    for precision, kind, tolerance in (("fp32", np.float32, 1e-6), ("fp16", np.float16, 1e-3)):
        weights = opened.weights(precision)
        assert {each.dtype for each in weights.values()} == {np.dtype(kind)}
        assert weights["plain"] == pytest.approx(VECTOR, rel=tolerance)
        # 127 shares its scale with its row in one, with its column in the other.
        assert np.abs(weights["by_row"].astype(float) - MATRIX).max() <= 0.5 * 127 / 127 + tolerance
        assert weights["by_column"][0] == pytest.approx([1.0, -0.5, 0.0], abs=0.5)
        assert weights["by_column"][:, 0] == pytest.approx([1.0, 0.25], abs=0.5 / 127 + tolerance)


finite = st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-20)


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=finite),
    st.sampled_from([0, 1]),
)
def test_a_packed_matrix_is_off_by_at_most_half_a_step_of_its_channel(weights, axis):
    packed, scale = quantise(weights, axis)
    shaped = scale[:, None] if axis == 0 else scale[None, :]
    assert packed.dtype == np.int8
    assert scale.shape == (weights.shape[axis],)
    assert (np.abs(packed.astype(np.float64) * shaped - weights) <= shaped * 0.5001).all()
    largest = np.abs(weights).max(axis=1 - axis)
    assert (np.abs(packed).max(axis=1 - axis)[largest > 0] == 127).all()


@pytest.mark.parametrize("tiny", [0.0, 1e-45, 1e-40, 1e-38])
def test_a_channel_of_almost_nothing_divides_by_nothing(tiny):
    packed, scale = quantise(np.full((2, 2), tiny, np.float32), 0)
    assert (scale > 0).all()
    assert np.isfinite(packed.astype(np.float32) * scale[:, None]).all()


def test_sha256_is_of_the_files_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc" * (1 << 20))
    assert sha256_of(path) == hashlib.sha256(b"abc" * (1 << 20)).hexdigest()


def test_a_reference_is_bundled_or_a_folder(folder, tmp_path):
    assert resolve(str(folder)).version == "toy-1"
    with pytest.raises(UsageError, match="there is no model 'champion9'"):
        resolve("champion9")
    with pytest.raises(UsageError, match="is no bundle"):
        resolve(str(tmp_path))


def test_the_bundle_that_ships_is_whole_small_and_of_the_default_taxonomy(bundle):
    assert bundle.taxonomy.sentiments == ("negative", "neutral", "positive")
    assert len(bundle.taxonomy.topics) == 17
    size = sum(path.stat().st_size for path in bundle.folder.iterdir())
    assert size <= 25 * 2**20, f"{size / 2**20:.1f} MB"
    assert {path.name for path in bundle.folder.iterdir()} == {MANIFEST, *bundle.manifest.files}
    assert bundle.manifest.fusions["Attention"] >= 1
