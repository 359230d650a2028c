"""A trained model on disk: one folder, opened only if every file in it is whole.

The weights lie beside the graphs as 8-bit integers with a scale a row or column, so that a bundle is small;
`Bundle.weights` gives them back as floats, which the scorer hands to ONNX Runtime as external initialisers.
One bundle so serves the CPU (fp32 arithmetic) and CUDA (fp16 arithmetic).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from model.errors import BundleError
from model.reference import REFERENCE, Reference, decode
from model.taxonomy import Taxonomy

MANIFEST = "bundle.json"
FORMAT = 1
BUNDLED = Path(__file__).parent / "bundled"

Precision = Literal["fp32", "fp16", "int8"]

# Integer arithmetic without VNNI adds two products in 16 bits: 7-bit weights cannot overflow there (ONNX Runtime,
# "Quantize ONNX models", on reduce_range), so a text has the same score on every processor.
LARGEST_INTEGER = 63


class PackedTensor(msgspec.Struct, frozen=True):
    """Where one initialiser of the graph lies in the weights file, in bytes from its beginning."""

    name: str
    shape: list[int]
    encoding: Literal["int8", "fp32"]
    offset: int
    scale_offset: int = 0
    axis: int = 0  # the axis that has a scale for each of its entries
    integer: bool = False  # a matrix that the int8 graph multiplies by as it is


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """bundle.json: labels and settings of the model, and the sha256 of every other file."""

    format: int
    name: str
    version: str
    created: str
    base: str
    languages: list[str]
    topics: list[str]
    sentiments: list[str]
    max_tokens: int
    hidden_size: int
    fusions: dict[str, int]
    graphs: dict[str, str]
    weights_file: str
    tensors: list[PackedTensor]
    files: dict[str, str]
    towards_names: bool = False  # whether it was taught the sentiment towards one name in a text


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def integer_name(name: str) -> str:
    """What the int8 graph calls a matrix."""
    return f"{name}_int8"


def narrowed(packed: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """8-bit weights for integer arithmetic, within +-63; their scale grows by 127 / 63."""
    result: npt.NDArray[np.int8] = np.rint(packed.astype(np.float32) * (LARGEST_INTEGER / 127.0)).astype(np.int8)
    return result


def quantise(weights: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric 8-bit integers with one scale for each entry along `axis` of a 2-D array.

    Per channel, not per tensor: one outlying channel would otherwise cost all others their resolution
    (Krishnamoorthi, Quantizing deep convolutional networks for efficient inference, arXiv:1806.08342).
    """
    largest = np.abs(weights).max(axis=1 - axis)
    step = (largest / 127.0).astype(np.float32)
    scale = np.where(step > 0, step, np.float32(1.0))  # a step may be too small for a float even if no weight is 0
    shaped = scale[:, None] if axis == 0 else scale[None, :]
    return np.clip(np.rint(weights / shaped), -127, 127).astype(np.int8), scale


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: its folder and its manifest, every file's checksum compared."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Bundle":
        """Open and check a bundle. Raises BundleError that names the file and the way to mend it."""
        path = folder / MANIFEST
        mend = "take it from version control again (git checkout) or build it anew with `make model`"
        if not folder.is_dir():
            raise BundleError(f"there is no model folder at {folder}: {mend}")
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise BundleError(f"model file {path} cannot be read ({error.strerror}): {mend}") from error
        try:
            found = json.loads(raw).get("format")
            if found != FORMAT:
                raise BundleError(f"{path} has format {found!r}, this version reads {FORMAT}: export it again")
            manifest = msgspec.json.decode(raw, type=Manifest)
        except (ValueError, AttributeError, msgspec.MsgspecError) as error:
            raise BundleError(f"model file {path} is damaged ({error}): {mend}") from error
        for name in (*manifest.graphs.values(), manifest.weights_file, "tokenizer.json"):
            if name not in manifest.files:
                raise BundleError(f"model file {path} is damaged (it has no checksum of {name}): {mend}")
        for name, expected in manifest.files.items():
            file = folder / name
            if not file.is_file():
                raise BundleError(f"model file {file} is missing: {mend}")
            if sha256_of(file) != expected:
                raise BundleError(f"model file {file} is damaged (its sha256 is not {expected[:12]}…): {mend}")
        return cls(folder, manifest)

    @property
    def version(self) -> str:
        """What every record that this bundle scored carries as `model`."""
        return self.manifest.version

    @property
    def taxonomy(self) -> Taxonomy:
        """The topics and sentiments in the order of the graph's outputs."""
        return Taxonomy(tuple(self.manifest.topics), tuple(self.manifest.sentiments))

    def reference(self) -> Reference | None:
        """What live headlines are compared with; None where the bundle brings none. Raises BundleError if it is not
        what this version reads."""
        if REFERENCE not in self.manifest.files:
            return None
        path = self.folder / REFERENCE
        try:
            return decode(path.read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            raise BundleError(f"model file {path} cannot be read ({error}): build the bundle anew") from error

    def graph(self, precision: Precision) -> Path:
        """The ONNX graph for an arithmetic. Raises BundleError where the bundle has none."""
        try:
            return self.folder / self.manifest.graphs[precision]
        except KeyError:
            raise BundleError(f"the bundle at {self.folder} has no {precision} graph: export it again") from None

    def weights(self, precision: Precision) -> Mapping[str, npt.NDArray[Any]]:
        """The graph's large initialisers by name, as arrays of the graph's precision."""
        kind = np.float16 if precision == "fp16" else np.float32
        blob = np.memmap(self.folder / self.manifest.weights_file, dtype=np.uint8, mode="r")
        unpacked: dict[str, npt.NDArray[Any]] = {}
        for tensor in self.manifest.tensors:
            count = int(np.prod(tensor.shape))
            if tensor.encoding == "fp32":
                values = np.frombuffer(blob, np.float32, count, tensor.offset).reshape(tensor.shape)
            else:
                packed = np.frombuffer(blob, np.int8, count, tensor.offset).reshape(tensor.shape)
                if precision == "int8" and tensor.integer:
                    unpacked[integer_name(tensor.name)] = narrowed(packed)
                    continue
                scale = np.frombuffer(blob, np.float32, tensor.shape[tensor.axis], tensor.scale_offset)
                shaped = scale[:, None] if tensor.axis == 0 else scale[None, :]
                values = packed.astype(np.float32) * shaped
            unpacked[tensor.name] = np.ascontiguousarray(values, dtype=kind)
        return unpacked
