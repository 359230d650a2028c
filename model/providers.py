"""Where the arithmetic runs: ONNX Runtime's execution providers, asked for by name and checked.

ONNX Runtime falls back to the CPU without an error, and `get_available_providers()` lists CUDA even where it
cannot be loaded. So a session's own first provider is compared with what was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from model.errors import ProviderError

ProviderChoice = Literal["auto", "cpu", "cuda", "tensorrt"]

ORT_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


# There where a driver of NVIDIA's has found a GPU.
NVIDIA_DEVICE = Path("/dev/nvidia0")


@dataclass(frozen=True)
class ProviderPlan:
    """What to try, in order; the first that a session really takes is used."""

    candidates: tuple[str, ...]
    strict: bool  # asked for by name: anything else refuses to start


def plan_providers(choice: ProviderChoice, available: Sequence[str]) -> ProviderPlan:
    """The providers to try for a choice, given those that this build of ONNX Runtime offers.

    Raises ProviderError where a provider was asked for by name and this build does not have it.
    """
    if choice == "auto":
        on_gpu = [name for name in ("cuda",) if ORT_NAMES[name] in available]
        return ProviderPlan((*on_gpu, "cpu"), strict=False)
    if ORT_NAMES[choice] not in available:
        raise ProviderError(
            f"provider '{choice}' was asked for, but this ONNX Runtime offers only {', '.join(available)}: "
            "install the gpu extra (make gpu), or set scorer.provider to 'auto' or 'cpu'"
        )
    return ProviderPlan((choice,), strict=True)


def gpu_expected(choice: ProviderChoice, device: Path = NVIDIA_DEVICE) -> bool:
    """Whether a GPU is to do the work: it was asked for by name, or it is there and nothing was."""
    return device.exists() if choice == "auto" else choice != "cpu"


def session_providers(name: str, gpu_memory_bytes: int) -> list[Any]:
    """ONNX Runtime's provider list for one of our names; TensorRT leaves to CUDA what it does not take.

    GPU memory grows with every new shape, so the arena is capped and grows by what is asked for.
    """
    if name == "cpu":
        return [ORT_NAMES["cpu"]]
    cuda = (
        ORT_NAMES["cuda"],
        {"gpu_mem_limit": str(gpu_memory_bytes), "arena_extend_strategy": "kSameAsRequested"},
    )
    if name == "cuda":
        return [cuda]
    return [(ORT_NAMES["tensorrt"], {"trt_fp16_enable": "1"}), cuda]


def require_in_use(wanted: str, in_use: Sequence[str]) -> None:
    """Raise ProviderError unless a session's first provider is the one that was wanted."""
    if not in_use or in_use[0] != ORT_NAMES[wanted]:
        got = in_use[0] if in_use else "none"
        raise ProviderError(
            f"provider '{wanted}' was asked for, but the session runs on {got}: check the driver and the CUDA "
            "libraries with `newsquall doctor`, or set scorer.provider to 'auto' or 'cpu'"
        )
