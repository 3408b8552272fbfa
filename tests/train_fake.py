"""Runs in processes of their own: `killed` again and again, or two `together` as one.

All processes are forks of this one, which imports torch only once and computes nothing itself.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed, nn

from fake_task import FakeTask, Log, config_of
from pinpoint.models.synced_norm import sync_norms
from pinpoint.training.build import build_task
from pinpoint.training.config import config_from_dict
from pinpoint.training.loop import StoppedError, Trainer
from pinpoint.training.processes import processes, rank
from shapes import make_shapes


def fake_run(out: Path, dropout: float = 0.0, double: bool = False, **changes) -> Trainer:
    task = FakeTask(dropout, torch.float64 if double else torch.float32)
    return Trainer(task, config_of(**changes), out, [Log(out)])


def real_run(out: Path) -> Trainer:
    """Crops of drawn arrows, smaller ones at first; the backbone is frozen at first."""
    folder = out.parent / "arrows"
    if not (folder / "shapes.json").exists():
        make_shapes(folder, 12)
    plain = {
        "model": "plain-n",
        "data": [{"annotations": "shapes.json"}],
        "input_size": [64, 64],
        "small_size": [32, 32],
        "small_share": 0.5,
        "freeze": ["backbone.stages.0"],
        "unfreeze": 0.3,
        "samples": 40,
        "batch": 4,
        "val_every": 4,
        "save_every": 1,
        "precision": "float32",
    }
    config = config_from_dict(plain)
    return Trainer(build_task(config, folder, folder / "cache"), config, out, [Log(out)])


KILLED = {
    "fake": lambda out: fake_run(out, dropout=0.2, save_every=1, freeze=("stem",), unfreeze=0.5, patience=9),
    "real": real_run,
}


def killed(kind: str, out: Path, kills: int) -> None:
    """Run to the end, with that many kills on the way, each a moment later in the life of its process."""
    for number in range(kills):
        child = forked(lambda: finish(KILLED[kind](out)))
        seen = len(log_of(out))
        while len(log_of(out)) < seen + 3 and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        time.sleep(0.003 * number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    finish(KILLED[kind](out))


def log_of(out: Path) -> list[bytes]:
    path = out / "log.txt"
    return path.read_bytes().splitlines() if path.exists() else []


def finish(trainer: Trainer) -> None:
    trainer.resume()
    trainer.run()


class FailingTask(FakeTask):
    """Cannot make a batch in the second process, from the middle of the run on."""

    def batch(self, draws, progress):
        if rank() == 1 and progress > 0.5:
            raise ValueError("no such picture")
        return super().batch(draws, progress)


class HalfLabelledTask(FakeTask):
    """The second process has nothing that is labelled, and a loss that does not know of the network."""

    def loss(self, outputs, targets):
        whole = super().loss(outputs, targets)
        return whole if rank() == 0 else whole._replace(total=torch.zeros(()), weight=torch.zeros(()))


class WorseningTask(FakeTask):
    """Is best at the start; only the first process may measure."""

    def __init__(self):
        super().__init__()
        self.measured = 0

    def evaluate(self, network):
        assert rank() == 0
        self.measured += 1
        return {"score": -self.measured}


def with_norms(out: Path) -> None:
    """The second process has one sample, then none."""
    torch.manual_seed(0)
    whole = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    found = []
    for share in ((3, 2), (5, 0)):
        part = whole.split(share)[rank()].clone().requires_grad_()
        norm = sync_norms(nn.Sequential(nn.BatchNorm2d(3).double()))
        result = norm(part)
        (result * result.detach().exp()).sum().backward()
        found.append((result.detach(), part.grad, [p.grad for p in norm.parameters()], norm.state_dict()))
    torch.save(found, out / f"norms{rank()}.pt")


def resumed(out: Path) -> None:
    """Stopped by one process only, and gone on with."""
    trainer = fake_run(out)
    asked = iter([False, False, True])
    try:
        trainer.run(lambda: rank() == 1 and next(asked))
    except StoppedError as error:
        (out / f"stopped{rank()}.txt").write_text(str(error))
    finish(fake_run(out))


def report(out: Path, trainer: Trainer) -> None:
    finish(trainer)
    (out / f"progress{rank()}.txt").write_text(str(trainer.progress))


TOGETHER: dict[str, Callable[[Path], None]] = {
    "even": lambda out: finish(fake_run(out)),
    "uneven": lambda out: finish(fake_run(out, batch=7, double=True)),
    "resumed": resumed,
    "failing": lambda out: finish(Trainer(FailingTask(), config_of(), out)),
    "half": lambda out: finish(Trainer(HalfLabelledTask(), config_of(), out, [Log(out)])),
    "worsening": lambda out: report(out, Trainer(WorseningTask(), config_of(patience=2), out)),
    "few": lambda out: finish(fake_run(out, batch=1)),
    "norms": with_norms,
}


def together(kind: str, out: Path) -> None:
    """Run in two processes, and note how they ended."""
    out.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ.update(WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    children = [forked(lambda number=number: joined(kind, out, number)) for number in (0, 1)]
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    (out / "ends.json").write_text(json.dumps(ends))


def joined(kind: str, out: Path, number: int) -> None:
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
    sys.stderr = (out / f"stderr{number}.txt").open("w", buffering=1)
    with processes():
        assert distributed.get_world_size() == 2
        TOGETHER[kind](out)


def forked(work: Callable[[], None]) -> int:
    """Do something in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001 (a fork must end here, whatever happens)
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])  # what it imports late, the forks have too
    if sys.argv[1] == "killed":
        killed(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        for kind in TOGETHER:
            together(kind, Path(sys.argv[2]) / kind)
