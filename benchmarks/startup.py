"""How long the first things take: `import pinpoint`, and `pinpoint detect` on one picture with cached models.

Usage: python benchmarks/startup.py [import] [detect] [--pictures N]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pinpoint as pp
from report import Report, arguments
from samples import single_person_pictures

RUNS = 10
IMPORT_BAR, DETECT_BAR = 0.15, 1.5

IMPORT = """
import time, {first}
start = time.perf_counter()
{then}
print(time.perf_counter() - start)
"""
IMPORTS = (
    ("`import pinpoint`", "import pinpoint"),
    ("and `pinpoint.load`", "from pinpoint import load"),
    ("and all public names", "import pinpoint; [getattr(pinpoint, name) for name in pinpoint.__all__]"),
)


def measure_import(report: Report, count: int | None) -> None:
    rows = []
    for words, then in IMPORTS:
        program = IMPORT.format(first="numpy, cv2", then=then)
        seconds = [_printed(program) for _ in range(count or RUNS)]
        bar = f"{IMPORT_BAR:.2f}" if then == "import pinpoint" else ""
        rows.append([words, f"{median(seconds):.3f}", f"{min(seconds):.3f}", bar])
    report.add(f"## Import\n\nSeconds beyond numpy and cv2 in fresh interpreters, {count or RUNS} of them.")
    report.table(("", "median", "best", "bar"), rows)


def _printed(program: str) -> float:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure_detect(report: Report, count: int | None) -> None:
    picture = single_person_pictures(1)[0].path
    rows = []
    for words, options in (("as it is", []), *((f"`--task {task}`", ["--task", task]) for task in TASKS)):
        for _ in range(2):  # the first call may fetch models
            _detect(picture, options)
        seconds = [_detect(picture, options) for _ in range(count or RUNS)]
        rows.append([words, f"{median(seconds):.2f}", f"{min(seconds):.2f}", DETECT_BAR])
    report.add(
        f"## First result\n\nSeconds of a whole process of `pinpoint detect {picture.name}`, models cached, "
        f"drawing and file written; {count or RUNS} calls."
    )
    report.table(("", "median", "best", "bar"), rows)


TASKS = ("body", "face", "hand", "wholebody")


def _detect(picture: Path, options: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pinpoint", "detect", str(picture), "--out", folder, *options]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start


PARTS = {"import": measure_import, "detect": measure_detect}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    report = Report(f"Start of Pinpoint {pp.__version__}", kept=chosen.whole)
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
