"""What a person should know of a model before using it."""

from pinpoint.hub.cache import is_intact, path_of
from pinpoint.hub.catalogue import find
from pinpoint.hub.spec import ModelFile, ModelSpec

__all__ = ["card", "paper_address"]


def card(spec: ModelSpec) -> dict[str, str]:
    """Describe a model in lines of a label and a text, in the order to be shown. Nothing is fetched."""
    lines = {
        "name": spec.name,
        "task": spec.task,
        "keypoints": f"{len(spec.skeleton)} ({spec.skeleton.name})" if spec.skeleton else "",
        "input": f"{spec.input_size[0]}x{spec.input_size[1]} {spec.color.upper()}",
        "detector": spec.detector,
        "made of": ", ".join(spec.parts),
        "license": spec.license,
        "training data": spec.training_data,
        "metrics": _metrics(spec),
        "paper": paper_address(spec.paper),
        "size": _size(spec),
    }
    named = {
        "file" if len(spec.files) == 1 else f"file {n}": _file(file) for n, file in enumerate(spec.files, 1)
    }
    return {label: text for label, text in (lines | named).items() if text}


def paper_address(paper: str) -> str:
    """Where a paper can be read, from its arXiv id; an address is given back as it is."""
    return f"https://arxiv.org/abs/{paper}" if paper[:1].isdigit() else paper


def _metrics(spec: ModelSpec) -> str:
    figures = ", ".join(f"{name} {value:g}" for name, value in spec.metrics.items())
    return f"{figures} ({spec.metrics_source})" if figures and spec.metrics_source else figures


def _size(spec: ModelSpec) -> str:
    """Of its own files and those of its parts, if all of them are known."""
    sizes = [file.bytes for file in _files(spec)]
    return f"{sum(sizes) / 1e6:.1f} MB" if sizes and all(sizes) else ""


def _files(spec: ModelSpec) -> tuple[ModelFile, ...]:
    return (*spec.files, *(file for part in spec.parts for file in _files(find(part))))


def _file(file: ModelFile) -> str:
    source = file.source or "yours to bring: `pinpoint models add FILE --like ...`"
    sha256 = (
        f"SHA-256 {file.sha256}"
        if file.sha256
        else "nobody published its hash; the first one seen is trusted"
    )
    state = f"at {path_of(file)}" if is_intact(file) else "not here yet"
    return f"{file.name}, {state}; from {source}; {sha256}"
