import numpy as np
import pytest
import torch

from pinpoint.hub import ModelSpec
from pinpoint.training.device import mixed_precision, normalised, on_device

CPU = torch.device("cpu")
SPEC = ModelSpec(
    name="fake-n",
    task="body",
    pipeline="top-down",
    input_size=(6, 5),
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
)


def test_pictures_are_normalised_as_numpy_would(rng):
    images = rng.integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    found = normalised(torch.from_numpy(images), SPEC)
    wanted = ((images - np.array(SPEC.mean)) / np.array(SPEC.std)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-6)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("known", [{"avx512_bf16": True}, {"amx_bf16": True}, {"avx2": True}, None], ids=str)
def test_auto_is_bfloat16_where_the_processor_multiplies_it(known, monkeypatch):
    """An older torch does not tell."""
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    if known is not None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    quick = known is not None and any("bf16" in name for name in known)
    assert mixed_precision("auto", CPU) == (torch.bfloat16 if quick else torch.float32)


@pytest.mark.parametrize(("native", "wanted"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_on_a_gpu_is_always_half(native, wanted, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert mixed_precision("auto", torch.device("cuda")) == wanted


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_a_type_that_is_asked_for_is_taken(name):
    assert mixed_precision(name, CPU) == getattr(torch, name)


def test_locked_and_mirrored_arrays_become_tensors_without_a_warning(rng):
    array = rng.random((3, 4))
    locked = array[:, ::-1]
    locked.flags.writeable = False
    np.testing.assert_array_equal(on_device(locked, CPU), array[:, ::-1])


def test_an_array_that_can_be_shared_is():
    array = np.zeros(3)
    on_device(array, CPU)[0] = 1
    assert array[0] == 1
