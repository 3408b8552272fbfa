"""Tables of results: printed, and kept in `results/` when they are whole."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from environment import HERE, machine

RESULTS = HERE / "results"


class Report:
    """What one script found out, as Markdown.

    Args:
        title: What was measured.
        kept: Whether to keep it in `results/`, under the script's name and that of its folder.
    """

    def __init__(self, title: str, *, kept: bool) -> None:
        script = Path(sys.argv[0]).resolve().relative_to(HERE)
        self._path = RESULTS / f"{'_'.join(script.with_suffix('').parts)}.md" if kept else None
        self._parts: list[str] = []
        self.add(f"# {title}")
        self.add(f"`{' '.join(['python', f'benchmarks/{script.as_posix()}', *sys.argv[1:]])}` on {machine()}")

    def add(self, text: str) -> None:
        """Print a paragraph and keep it."""
        print(text, end="\n\n", flush=True)
        self._parts.append(text)
        if self._path:
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_text("\n\n".join(self._parts) + "\n", "utf-8")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table and keep it."""
        lines = [columns, ["---"] * len(columns), *rows]
        self.add("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))


def arguments(description: str, parts: Sequence[str]) -> argparse.Namespace:
    """Read which `parts` to measure, on how many `pictures`, and whether that is all there is (`whole`)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all if left out")
    parser.add_argument(
        "--pictures", type=int, metavar="N", help="only the first N of each set; keep no results"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    chosen.whole = not chosen.parts and chosen.pictures is None
    chosen.parts = chosen.parts or list(parts)
    return chosen
