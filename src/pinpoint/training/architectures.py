"""What there is to know of the networks that can be trained, as JSON holds it."""

from typing import Any

from pinpoint.models import ARCHITECTURES, architecture
from pinpoint.models.cost import cost_of

__all__ = ["architecture_facts", "architecture_names"]


def architecture_names() -> list[str]:
    """Names of all architectures."""
    return list(ARCHITECTURES)


def architecture_facts(name: str) -> dict[str, Any]:
    """What there is to know of one of them; shapes are of one input.

    Raises:
        ValueError: There is none of that name.
    """
    kind = architecture(name)
    cost, said = cost_of(kind), kind.published
    return {
        "pipeline": kind.pipeline,
        "skeleton": kind.skeleton,
        "input_size": list(kind.input_size),
        "outputs": [list(shape) for shape in cost.outputs],
        "parameters": cost.parameters,
        "gflops": round(cost.gflops, 3),
        "loss": kind.loss,
        "paper": kind.paper,
        "published": said
        and {
            "parameters_millions": float(said.parameters) if said.parameters else None,
            "gflops": said.gflops,
            "metrics": dict(said.metrics),
            "source": said.source,
            "has_file": said.has_file,
        },
    }
