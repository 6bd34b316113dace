"""Where a model runs and in which number format."""

from pathlib import Path

import torch

from models.errors import BadSelection, UnsupportedModel
from models.free_memory import short_of_memory
from models.loading.tensor_shapes import parameters
from models.shape.number_format import number_format

_FIRST = {"cuda:0": "cuda", "mps:0": "mps", "cpu:0": "cpu"}  # other names of the same device
SHARE = 0.9  # of the free memory that weights may take
_WEIGHTS = (torch.float32, torch.bfloat16, torch.float16)


def available_devices() -> tuple[str, ...]:
    """The devices that PyTorch can use here, best first."""
    cuda = tuple(f"cuda:{i}" for i in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return ("cuda", *cuda[1:], *mps, "cpu") if cuda else (*mps, "cpu")


def choose_device(device: str | torch.device) -> torch.device:
    """`auto` takes CUDA, then MPS, then the CPU. Raises BadSelection for one that is not usable here."""
    usable, name = available_devices(), str(device)
    if name == "auto":
        return torch.device(usable[0])
    if name not in usable and not (name in _FIRST and _FIRST[name] in usable):
        raise BadSelection(f"There is no device “{name}” here: choose auto, {' or '.join(usable)}.")
    return torch.device(name)


def choose_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """The format of weights. `auto` is bfloat16 on CUDA (float16 on cards without it) and float32 elsewhere.

    On MPS too: float16 overflows in the residual stream of some models, and bfloat16 is not complete there. Raises
    BadSelection for a format that models are not run in.
    """
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    found = number_format(dtype)
    if found not in _WEIGHTS:
        names = " or ".join(str(each).removeprefix("torch.") for each in _WEIGHTS)
        raise BadSelection(f"Models do not run in the number format “{dtype}”: choose auto, {names}.")
    return found


def demand_memory(name: str, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
    """Raise UnsupportedModel where the weights alone would not fit into what is free of the memory of `device`."""
    needed = parameters(folder) * dtype.itemsize
    room = short_of_memory(needed, device, SHARE)
    if room is not None:
        raise UnsupportedModel(
            f"“{name}” takes {needed / 1e9:.1f} GB of memory as {str(dtype).removeprefix('torch.')}, but "
            f"{device} has {room / 1e9:.1f} GB free: choose a smaller model, or bfloat16 if that is not what it "
            "is."
        )
