"""A provider that was asked for is used, or nothing starts."""

import onnxruntime
import pytest

from model.errors import ProviderError
from model.providers import ORT_NAMES, gpu_expected, plan_providers, require_in_use, session_providers
from model.scorer import Scorer

CPU, CUDA, TENSORRT = ORT_NAMES["cpu"], ORT_NAMES["cuda"], ORT_NAMES["tensorrt"]


@pytest.mark.parametrize(
    ("choice", "available", "candidates", "strict"),
    [
        ("auto", [CPU], ("cpu",), False),
        ("auto", [CUDA, CPU], ("cuda", "cpu"), False),
        ("auto", [TENSORRT, CPU], ("cpu",), False),
        ("cpu", [CUDA, CPU], ("cpu",), True),
        ("cuda", [CUDA, CPU], ("cuda",), True),
        ("tensorrt", [TENSORRT, CUDA, CPU], ("tensorrt",), True),
    ],
)
def test_what_is_tried_and_in_which_order(choice, available, candidates, strict):
    plan = plan_providers(choice, available)
    assert (plan.candidates, plan.strict) == (candidates, strict)


def test_a_gpu_is_expected_where_it_was_asked_for_or_is_there(tmp_path):
    device = tmp_path / "nvidia0"
    assert [gpu_expected(choice, device) for choice in ("auto", "cpu", "cuda", "tensorrt")] == [
        False,
        False,
        True,
        True,
    ]
    device.touch()
    assert [gpu_expected(choice, device) for choice in ("auto", "cpu", "cuda", "tensorrt")] == [True, False, True, True]


@pytest.mark.parametrize("choice", ["cuda", "tensorrt"])
def test_a_provider_asked_for_and_absent_is_refused_with_the_way_out(choice):
    with pytest.raises(ProviderError, match=f"'{choice}' was asked for.*only {CPU}.*scorer.provider"):
        plan_providers(choice, [CPU])


@pytest.mark.parametrize(
    ("wanted", "in_use"), [("cuda", [CPU]), ("cuda", [CPU, CUDA]), ("tensorrt", [CUDA, CPU]), ("cpu", [])]
)
def test_a_session_on_another_provider_than_wanted_is_refused(wanted, in_use):
    with pytest.raises(ProviderError, match=f"'{wanted}' was asked for, but the session runs on"):
        require_in_use(wanted, in_use)


@pytest.mark.parametrize("wanted", ["cpu", "cuda", "tensorrt"])
def test_a_session_on_the_wanted_provider_is_taken(wanted):
    require_in_use(wanted, [ORT_NAMES[wanted], CPU])


def test_gpu_memory_is_capped_and_tensorrt_leaves_the_rest_to_cuda():
    assert session_providers("cpu", 1) == [CPU]
    ((name, options),) = session_providers("cuda", 4096)
    assert (name, options["gpu_mem_limit"]) == (CUDA, "4096")
    assert [name for name, _ in session_providers("tensorrt", 4096)] == [TENSORRT, CUDA]


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_a_scorer_does_not_start_on_the_cpu_when_the_gpu_was_asked_for(bundle):
    with pytest.raises(ProviderError, match="'cuda' was asked for"):
        Scorer(bundle, "cuda")
