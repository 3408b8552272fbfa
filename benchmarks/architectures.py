"""What every architecture costs beside what was printed of it: parameters and multiplications.

Usage: python benchmarks/architectures.py [NAME ...]

Counted with the keypoints and the input of the published network. Nothing is computed but shapes, save for
networks whose work depends on what they see.
"""

import argparse

from pinpoint.models import ARCHITECTURES, architecture
from pinpoint.models.cost import cost_of
from report import Report

COLUMNS = (
    "network",
    "input",
    "parameters",
    "printed, M",
    "same",
    "GFLOPs",
    "printed",
    "AP",
    "source or reason",
)

REMARK = """GFLOPs are multiplications with their additions, of convolutions and matrix products. Ultralytics
counts the two apart, so its figures are twice ours; HRNet's paper counts its own networks lower and
SimpleBaseline's higher than what runs; torchvision's and Sapiens' figures are of other inputs. Parameters are
the surer mark. AP is as printed."""


def row_of(name: str) -> list[object]:
    kind = architecture(name)
    cost, said = cost_of(kind), kind.published
    printed = said.parameters if said else ""
    digits = len(printed.partition(".")[2])
    units = cost.parameters / 10 ** (6 - digits)
    wanted = round(float(printed or 0) * 10**digits)
    same = (
        ("yes" if wanted == round(units) else "yes, cut" if wanted == int(units) else "**no**")
        if printed
        else ""
    )
    width, height = kind.input_size
    return [
        name,
        f"{width}x{height}",
        f"{cost.parameters:,}",
        printed,
        same,
        f"{cost.gflops:.2f}",
        said.gflops if said and said.gflops else "",
        said.metrics.get("AP", "") if said else "",
        said.source if said else kind.paper and f"{kind.paper}, which prints no size",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if left out")
    chosen = parser.parse_args()
    report = Report("Architectures: counted and printed", kept=not chosen.names)
    report.add(REMARK)
    report.table(COLUMNS, [row_of(name) for name in chosen.names or ARCHITECTURES])


if __name__ == "__main__":
    main()
