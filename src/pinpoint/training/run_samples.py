"""The pictures that a run was measured on, for what is made of its weights later."""

from pathlib import Path

from pinpoint.hub import ModelSpec
from pinpoint.training.config import CONFIG, config_from_dict, read_config
from pinpoint.training.gate_samples import GateSamples, read_gate_samples

__all__ = ["samples_of_run"]


def samples_of_run(run: Path, spec: ModelSpec, count: int = 64) -> GateSamples:
    """Take samples from what a run was measured on, or learnt from where it kept none apart.

    Args:
        run: Folder of the run.
        spec: How its network is fed and read.
        count: See `read_gate_samples`.

    Raises:
        OSError: The run does not say what its data was, or that is not where it was.
        UnreadableError: See `read_gate_samples`.
        ValueError: See there.
    """
    config = config_from_dict(read_config(run / CONFIG))
    source = (*config.val, *config.data)[0]
    root = Path(config.root)
    folder = root / source.pictures if source.pictures else None
    return read_gate_samples(spec, root / source.annotations, folder, count)
