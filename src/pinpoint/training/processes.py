"""Several processes as one: torchrun starts them, this adds up what they know."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

__all__ = ["add_gradients", "added", "is_first", "processes", "rank", "shared", "world_size"]

PATIENCE = timedelta(hours=4)
"""How long the others wait for the first one, which measures alone. One that died is noticed at once."""

T = TypeVar("T")


@contextmanager
def processes() -> Iterator[None]:
    """Join the other processes that torchrun started, if it did."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(local_rank())
    distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Number of this process on its machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def rank() -> int:
    """Number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world_size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes and reports."""
    return rank() == 0


def added(value: Tensor) -> Tensor:
    """Sum of a tensor over all processes, without gradient."""
    value = value.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(value)
    return value


def shared(value: T) -> T:
    """What the first process gives, in all of them; what the others give is not looked at."""
    if world_size() == 1:
        return value
    box = [value if is_first() else None]
    distributed.broadcast_object_list(box)
    return box[0]  # pyright: ignore[reportReturnType]


def add_gradients(parameters: Iterable[Tensor]) -> None:
    """Give every process the sum of all gradients, in one message."""
    if world_size() == 1:
        return
    own = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in own:  # a head that this process had nothing to teach still counts
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in own if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
