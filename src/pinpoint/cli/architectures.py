"""What the command line says of a network that can be trained, or filled with official weights."""

import difflib
from typing import Any

from pinpoint.cli.training_extra import check_training_extra
from pinpoint.hub.card import paper_address
from pinpoint.skeletons import skeleton

__all__ = ["architecture_facts", "architecture_lines", "architecture_names", "with_near_architectures"]


def architecture_names() -> list[str]:
    """Names of all architectures; none where the extra that trains them is not installed."""
    try:
        check_training_extra()
    except ImportError:
        return []
    from pinpoint.training import architectures

    return architectures.architecture_names()


def with_near_architectures(error: ValueError, name: str) -> ValueError:
    """What is wrong with a name, and which architectures have one like it, or what knowing them needs."""
    try:
        check_training_extra()
    except ImportError as lacking:
        return ValueError(f"{error}; if it is a network to train, {lacking}")
    near = difflib.get_close_matches(name, architecture_names(), n=3)
    return ValueError(f"{error}; architectures of a name like it: {', '.join(near)}") if near else error


def architecture_facts(name: str) -> dict[str, Any]:
    """What there is to know of an architecture, as JSON holds it."""
    from pinpoint.training import architectures

    return architectures.architecture_facts(name)


def architecture_lines(name: str) -> dict[str, str]:
    """The same for a person, in lines of a label and a text."""
    facts = architecture_facts(name)
    said = facts["published"] or {}
    keypoints = len(skeleton(facts["skeleton"]))
    width, height = facts["input_size"]
    figures = ", ".join(f"{measure} {value:g}" for measure, value in said.get("metrics", {}).items())
    lines = {
        "network": f"{name}, {facts['pipeline']}",
        "keypoints": f"{keypoints} ({facts['skeleton']})" if keypoints else "",
        "reads": f"{width}x{height} pixels",
        "puts out": " and ".join("x".join(map(str, shape)) for shape in facts["outputs"]),
        "parameters": _beside(f"{facts['parameters'] / 1e6:.2f} M", said.get("parameters_millions")),
        "arithmetic": _beside(f"{facts['gflops']:.2f} GFLOPs", said.get("gflops")),
        "loss": facts["loss"],
        "published": f"{figures} ({said['source']})" if figures else said.get("source", ""),
        "paper": paper_address(facts["paper"]),
        "to train": f"pinpoint train --model {name} --data LABELS.json --out RUN",
    }
    if said.get("has_file"):
        lines["to use"] = f"pinpoint export OFFICIAL.pth --model {name} --out {name}.onnx"
    return {label: text for label, text in lines.items() if text}


def _beside(counted: str, published: float | None) -> str:
    return counted if published is None else f"{counted} (published: {published:g})"
