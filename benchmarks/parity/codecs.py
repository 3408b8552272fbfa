"""How far codecs are from those of mmpose 1.3.2 and transformers on the same arrays, and why where they are.

Usage: python benchmarks/parity/codecs.py [--pictures N]
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.codecs.heatmap_offset import HeatmapOffset
from pinpoint.codecs.regression import Regression, ResidualLikelihood
from pinpoint.codecs.simcc import SimCC
from reference import Reference, reference
from report import Report, arguments

SIZE, MAP = (192, 256), (48, 64)
PEOPLE, K = 32, 133
BELLS = {"input_size": SIZE, "heatmap_size": MAP, "sigma": 2.0}
NOISE = 0.02
COLUMNS = ("theirs", "ours", "arrays", "compared", "largest difference", "unit", "why")

Row = tuple[object, ...]


def points(rng: np.random.Generator, people: int, margin: float) -> NDArray[np.float64]:
    return rng.uniform(margin, np.array(SIZE) - 1 - margin, (people, K, 2))


def apart(ours: NDArray, theirs: NDArray) -> str:
    """Largest difference of what both know."""
    known = np.isfinite(ours) & np.isfinite(theirs)
    return f"{np.abs(np.asarray(ours, np.float64) - theirs)[known].max():.1e}"


def encoded(ask: Reference, name: str, fields: dict, xy: NDArray) -> dict[str, NDArray]:
    return ask("encode", {"xy": xy.astype(np.float32)}, name=name, fields=fields)


def decoded(ask: Reference, name: str, fields: dict, *outputs: NDArray) -> tuple[NDArray, NDArray]:
    arrays = {f"output{n}": output for n, output in enumerate(outputs)}
    answer = ask("decode", arrays, name=name, fields=fields)
    return answer["xy"], answer["scores"].clip(0, 1)


def true_scale(xy: NDArray) -> NDArray:
    """Undo that mmpose spreads the cells of UDP over width and height, not over one pixel less each."""
    return xy * (np.array(SIZE) - 1) / SIZE


def as_it_is(xy: NDArray) -> NDArray:
    return xy


def heatmaps(ask: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    rows: list[Row] = []
    for name, more, ours, undo, why in (
        ("MSRAHeatmap", {"unbiased": True}, Heatmap(**BELLS), as_it_is, "bends over 2 cells, ours over 1"),
        ("MSRAHeatmap", {"unbiased": False}, Heatmap(**BELLS, refine="quarter"), as_it_is, ""),
        ("UDPHeatmap", {}, Heatmap(**BELLS, udp=True), true_scale, TWIST),
    ):
        fields, label = BELLS | more, f"{name} {more or 'gaussian'}"
        bells, _ = ours.encode(points(rng, people, 40), np.ones((people, K), bool))
        edge, _ = ours.encode(points(rng, people, 0), np.ones((people, K), bool))
        noisy = bells + NOISE * rng.normal(size=bells.shape).astype(np.float32)
        for words, maps, reason in (
            ("bells, 40 pixels inside", bells, ""),
            (f"the same with noise of {NOISE}", noisy, why),
            ("bells anywhere", edge, EDGE[ours.refine]),
        ):
            theirs, scores = decoded(ask, name, fields, maps)
            xy, own = ours.decode(maps)
            rows.append((label, repr_of(ours), words, "points", apart(xy, undo(theirs)), "px", reason))
            if not reason:
                rows.append((label, repr_of(ours), words, "scores", apart(own, scores), "", ""))
        if undo is true_scale:
            theirs, _ = decoded(ask, name, fields, bells)
            rows.append((label, repr_of(ours), "bells, 40 pixels inside", "points as they come",
                         apart(ours.decode(bells)[0], theirs), "px", SCALE))  # fmt: skip
    return rows


TWIST = "twist from 2 corners, ours from 4"
EDGE = {
    "dark": "they do not refine in the last two cells or see zeros beyond the edge; ours blurs less there",
    "quarter": "they do not move in the cell beside the edge",
}
SCALE = "they spread 48 cells over 192 pixels when they decode, but over 191 when they encode"


def repr_of(codec: Heatmap) -> str:
    return f"Heatmap {codec.refine}{' udp' if codec.udp else ''}"


def heatmap_targets(ask: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    xy = points(rng, people, 0)
    rows: list[Row] = []
    for name, more, ours, why in (
        ("MSRAHeatmap", {"unbiased": True}, Heatmap(**BELLS), ""),
        ("MSRAHeatmap", {"unbiased": False}, Heatmap(**BELLS), "they round the point to a cell"),
        ("UDPHeatmap", {}, Heatmap(**BELLS, udp=True), "they cut bells off at 3 sigma: exp(-4.5) = .011"),
    ):
        theirs = encoded(ask, name, BELLS | more, xy)["heatmaps"]
        maps, _ = ours.encode(xy, np.ones((people, K), bool))
        label = f"{name} {more or 'gaussian'}"
        rows.append((label, repr_of(ours), "points anywhere", "targets", apart(maps, theirs), "", why))
    return rows


def combined(ask: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    fields = {"input_size": SIZE, "heatmap_size": MAP, "heatmap_type": "combined"}
    ours, xy = HeatmapOffset(SIZE, MAP), points(rng, people, 0)
    maps, _ = ours.encode(xy, np.ones((people, K), bool))
    target = encoded(ask, "UDPHeatmap", fields, xy)["heatmaps"]
    noisy = maps + NOISE * rng.normal(size=maps.shape).astype(np.float32)
    name, own = "UDPHeatmap combined", "HeatmapOffset"
    rows: list[Row] = [(name, own, "points anywhere", "targets", apart(maps, target), "", "")]
    for words, given in (("targets", maps), (f"the same with noise of {NOISE}", noisy)):
        theirs, scores = decoded(ask, "UDPHeatmap", fields, given)
        told, own_scores = ours.decode(given)
        rows.append((name, own, words, "points", apart(told, true_scale(theirs)), "px", ""))
        whole = float(np.median((scores / own_scores)[own_scores < 1]))
        why = f"after dividing theirs by {whole:.3f}, the height of a whole disc once it is blurred"
        rows.append((name, own, words, "scores", apart(own_scores, (scores / whole).clip(0, 1)), "", why))
    return rows


def rulers(ask: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    xy, there = points(rng, people, 0), np.ones((people, K), bool)
    rows: list[Row] = []
    for more, ours, why in (
        ({"sigma": [4.9, 5.66], "normalize": False}, SimCC(SIZE, sigma=(4.9, 5.66)), ROUNDED),
        ({"smoothing_type": "standard"}, SimCC(SIZE, target="one-hot"), ""),
        ({"smoothing_type": "standard", "label_smooth_weight": 0.1},
         SimCC(SIZE, target="one-hot", smoothing=0.1), ""),
    ):  # fmt: skip
        fields, name = {"input_size": SIZE} | more, f"SimCCLabel {more}"
        target = encoded(ask, "SimCCLabel", fields, xy)
        x, y, _ = ours.encode(xy, there)
        own = f"SimCC {ours.target}"
        for axis, told in (("x", x), ("y", y)):
            theirs = target[f"keypoint_{axis}_labels"]
            rows.append((name, own, "points anywhere", f"targets of {axis}", apart(told, theirs), "", why))
        x, y = (part + NOISE * rng.normal(size=part.shape).astype(np.float32) for part in (x, y))
        (theirs, scores), (told, heights) = decoded(ask, "SimCCLabel", fields, x, y), ours.decode(x, y)
        rows.append((name, own, f"targets with noise of {NOISE}", "points", apart(told, theirs), "px", ""))
        rows.append((name, own, f"targets with noise of {NOISE}", "scores", apart(heights, scores), "", ""))
    return rows


ROUNDED = "they round the point to a bin first"


def coordinates(ask: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    xy, fields = points(rng, people, 0), {"input_size": SIZE}
    target = encoded(ask, "RegressionLabel", fields, xy)["keypoint_labels"]
    shares, _ = Regression(SIZE).encode(xy, np.ones((people, K), bool))
    rows: list[Row] = [
        ("RegressionLabel", "Regression", "points anywhere", "targets", apart(shares, target), "", "")
    ]
    table = rng.random((people, K, 4)).astype(np.float32)
    for ours, given in ((Regression(SIZE), table[..., :2]), (ResidualLikelihood(SIZE), table)):
        (theirs, scores), (told, own) = decoded(ask, "RegressionLabel", fields, given), ours.decode(given)
        words = f"{given.shape[2]} numbers a point"
        rows.append(("RegressionLabel", type(ours).__name__, words, "points", apart(told, theirs), "px", ""))
        rows.append(("RegressionLabel", type(ours).__name__, words, "scores", apart(own, scores), "", ""))
    return rows


def integrals(ask: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    xy = points(rng, people, 40)
    ours = Heatmap(**BELLS, refine="integral")
    bells, _ = ours.encode(xy, np.ones((people, K), bool))
    label = encoded(ask, "IntegralRegressionLabel", BELLS | {"unbiased": True}, xy)["heatmaps"]
    shares = bells / bells.sum(axis=(2, 3), keepdims=True)
    name, own = "IntegralRegressionLabel", "Heatmap integral"
    rows: list[Row] = [(name, own, "points inside", "targets by their sum", apart(shares, label), "", "")]
    logits = np.log(np.maximum(bells, 1e-12)) + NOISE * rng.normal(size=bells.shape).astype(np.float32)
    for beta in (1.0, 2.0):
        theirs = ask("integral", {"logits": logits}, beta=beta, input_size=SIZE)["xy"]
        told, _ = Heatmap(**BELLS, refine="integral", beta=beta).decode(np.exp(logits))
        words = f"logits with noise of {NOISE}, beta {beta:g}"
        rows.append(("IntegralRegressionHead", own, words, "points", apart(told, theirs), "px", ""))
    return rows


def transformers(_: Reference, rng: np.random.Generator, people: int) -> list[Row]:
    """Theirs blurs by .8 cells whatever its window, which OpenCV gives a window of 3, but 2 to one of 11."""
    rows: list[Row] = []
    name, there = "transformers' ViTPose processor", np.ones((people, K), bool)
    with reference(name="transformers") as ask:
        for blur, why in ((11, "they blur by .8 cells, mmpose and ours by 2"), (3, TWIST)):
            ours = Heatmap(**BELLS, udp=True, blur=blur)
            maps, _ = ours.encode(points(rng, people, 40), there)
            noisy = maps + NOISE * rng.normal(size=maps.shape).astype(np.float32)
            for words, given in (
                ("bells, 40 pixels inside", maps),
                (f"the same with noise of {NOISE}", noisy),
            ):
                cells = ask("dark", {"maps": given}, kernel=blur)["cells"]
                away = apart(ours.decode(given)[0], cells * ours.pixels_per_cell)
                reason = why if given is noisy else ""
                rows.append((f"{name}, window {blur}", repr_of(ours), words, "points", away, "px", reason))
    return rows


PARTS: dict[str, Callable[[Reference, np.random.Generator, int], list[Row]]] = {
    "targets": heatmap_targets,
    "heatmaps": heatmaps,
    "combined": combined,
    "simcc": rulers,
    "regression": coordinates,
    "integral": integrals,
    "transformers": transformers,
}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], tuple(PARTS))
    people = chosen.pictures or PEOPLE
    report = Report("Codecs against others'", kept=chosen.whole)
    report.add(
        f"{people} people with {K} keypoints, input {SIZE[0]} x {SIZE[1]}, maps {MAP[0]} x {MAP[1]}. Where "
        "no reason is given, what remains is single precision. Points of UDP are compared after the scale of "
        "theirs is put right, except where the table says that they are not; scores of theirs are cut to 1."
    )
    with reference() as ask:
        rng = np.random.default_rng(0)
        report.table(COLUMNS, [row for part in chosen.parts for row in PARTS[part](ask, rng, people)])


if __name__ == "__main__":
    main()
