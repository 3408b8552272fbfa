"""How far losses are from mmpose 1.3.2's on the same arrays, in value and in gradient.

Usage: python benchmarks/parity/losses.py
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from pinpoint.losses import bones, distillation, heatmap, heatmap_offset, masking, regression, rle, simcc
from pinpoint.losses.visibility import visibility
from pinpoint.models.flow import Flow
from reference import Reference, reference
from report import Report, arguments

B, K, H, W = 4, 17, 16, 12
BINS = 64
COLUMNS = ("mmpose", "ours", "value", "difference", "largest difference of gradients", "after what")

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    """One loss of theirs and what ours says of the same arrays, brought to the same mean.

    Args:
        name: Of mmpose's class.
        fields: What it is made with.
        arrays: What both get; the first is learnt.
        call: Names of what theirs is called with; a list is a tuple.
        ours: The same with tensors of those names.
        words: Name of ours.
        remark: What was done to make them the same.
    """

    name: str
    fields: dict[str, Any]
    arrays: dict[str, NDArray]
    call: Sequence[Any]
    ours: Callable[[Tensors], Tensor]
    words: str
    remark: str = ""
    state: dict[str, NDArray] = field(default_factory=dict)


def row(ask: Reference, case: Case) -> tuple[object, ...]:
    theirs = ask("loss", case.arrays | case.state, name=case.name, fields=case.fields, call=case.call)
    tensors = {name: torch.from_numpy(array) for name, array in case.arrays.items()}
    learnt = next(iter(tensors.values())).requires_grad_()
    value = case.ours(tensors).sum()
    (gradient,) = torch.autograd.grad(value, learnt)
    away = abs(value.item() - theirs["value"].sum())
    steepest = np.abs(gradient.numpy() - theirs["gradient"]).max()
    plain = f"{case.name}({', '.join(f'{key}={one}' for key, one in case.fields.items())})"
    return plain, case.words, f"{value.item():.5f}", f"{away:.1e}", f"{steepest:.1e}", case.remark


def of_maps(rng: np.random.Generator) -> list[Case]:
    maps, bells = floats(rng, B, K, H, W), floats(rng, B, K, H, W) ** 4
    places = bells.copy()
    places.reshape(B * K, -1)[np.arange(B * K), bells.reshape(B * K, -1).argmax(axis=1)] = 1
    given = {"maps": maps, "bells": bells, "weights": some(rng)}
    triples = {"maps": floats(rng, B, 3 * K, H, W), "bells": floats(rng, B, 3 * K, H, W), "weights": every()}
    triples["bells"][:, ::3] = triples["bells"][:, ::3] < 0.2
    call, use = ["maps", "bells", "weights"], {"use_target_weight": True}

    def squared(t: Tensors) -> Tensor:
        return heatmap.mean_squared_error((t["maps"],), (t["bells"],)) * t["weights"]

    def hardest(t: Tensors) -> Tensor:
        return masking.hardest(squared(t), t["weights"], 8)[0].mean()

    def wing(t: Tensors) -> Tensor:
        return heatmap.adaptive_wing((t["maps"],), (t["bells"],), foreground=0.0).mean()

    def offsets(t: Tensors) -> Tensor:
        return heatmap_offset.mean_squared_error((t["maps"],), (t["bells"],)).mean()

    def found(t: Tensors) -> Tensor:
        return heatmap.focal((t["maps"].logit(),), (t["bells"],)).mean()

    return [
        Case("KeypointMSELoss", use, given, call, lambda t: squared(t).mean(), "heatmap-mse"),
        Case("KeypointOHKMMSELoss", use, given, call, hardest, "heatmap-mse, masking.hardest"),
        Case("AdaptiveWingLoss", {}, given, call[:2], wing, "heatmap-adaptive-wing", UNWEIGHTED),
        Case("CombinedTargetMSELoss", use, triples, call, offsets, "heatmap-offset-mse"),
        Case("FocalHeatmapLoss", {}, given | {"maps": 0.01 + 0.98 * maps, "bells": places}, call[:2], found,
             "heatmap-focal", "theirs takes what a sigmoid makes of what ours takes"),
    ]  # fmt: skip


UNWEIGHTED = "ours without the greater weight of the bell, which theirs leaves out"


def of_rulers(rng: np.random.Generator) -> list[Case]:
    x, y, bell_x, bell_y = (floats(rng, B, K, BINS) for _ in range(4))
    given = {"x": x, "y": y, "bell_x": bell_x**4, "bell_y": bell_y**4, "weights": some(rng)}
    shares = given | {
        name: given[name] / given[name].sum(axis=2, keepdims=True) for name in ("bell_x", "bell_y")
    }
    call = [["x", "y"], ["bell_x", "bell_y"], "weights"]
    pair = {"x": softmax(x), "bell": softmax(bell_x)}

    def both(t: Tensors) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        return (t["x"], t["y"]), (t["bell_x"], t["bell_y"])

    def kl(t: Tensors) -> Tensor:
        return (simcc.kl_divergence(*both(t)) * t["weights"]).sum() / BINS / K

    def entropy(t: Tensors) -> Tensor:
        of_target = sum(torch.xlogy(t[name], t[name]).sum(dim=2) for name in ("bell_x", "bell_y"))
        return ((simcc.cross_entropy(*both(t)) + of_target) * t["weights"]).sum() / BINS / K

    def js(t: Tensors) -> Tensor:
        heights, bell = (3 + t[name].log() / simcc.BETA for name in ("x", "bell"))
        return simcc.js_divergence((heights, bell), (bell, bell)).sum() / B

    def distilled(t: Tensors) -> Tensor:
        each = distillation.divergence((t["x"], t["y"]), (t["bell_x"], t["bell_y"]), simcc.BETA, 1.0)
        return each.sum() / B / K

    plain = {"name": "loss_logit", "use_this": True, "weight": 1.0}
    mean = "ours divided by the bins: theirs is their mean"
    return [
        Case("KLDiscretLoss", {"beta": 10.0, "label_softmax": True}, given, call, kl, "simcc-kl", mean),
        Case("KLDiscretLoss", {}, shares, call, entropy, "simcc-cross-entropy",
             f"{mean}; less the entropy of the target"),
        Case("JSDiscretLoss", {"use_target_weight": False}, pair, ["x", "bell"], js, "simcc-js",
             "theirs takes distributions, which its gradient changes freely; ours makes them of heights"),
        Case("KDLoss", plain, given | {"beta": np.array(simcc.BETA)}, [*call[:2], "beta", "weights"],
             distilled, "distillation.divergence"),
    ]  # fmt: skip


def of_points(rng: np.random.Generator) -> list[Case]:
    given = {"xy": floats(rng, B, K, 2), "truth": floats(rng, B, K, 2), "weights": some(rng)}
    two = given | {"weights": np.repeat(given["weights"][..., None], 2, axis=2)}
    call, use = ["xy", "truth", "weights"], {"use_target_weight": True}

    def mean(loss: Callable[..., Tensor], **options: float) -> Callable[[Tensors], Tensor]:
        def of(t: Tensors) -> Tensor:
            weights = t["weights"] if t["weights"].ndim == 2 else t["weights"][..., 0]
            return (loss((t["xy"],), (t["truth"],), **options) * weights).mean()

        return of

    def wing(t: Tensors) -> Tensor:
        return mean(regression.wing, units=1.0, omega=0.2, epsilon=0.05)(t) * K

    def similar(t: Tensors) -> Tensor:
        each = regression.oks((t["xy"],), (t["truth"],), t["sigmas"], t["areas"])
        return 1 - ((1 - each) * t["weights"]).mean()

    edges = [(k, (k - 1) // 2) for k in range(1, K)]

    def lengths(t: Tensors) -> Tensor:
        return bones.bone_length(t["xy"], t["truth"], edges).mean()

    one = {name: array[:1] for name, array in given.items()}
    whole = {"sigmas": np.linspace(0.1, 0.5, K, dtype=np.float32), "areas": 1 + floats(rng, B)}
    return [
        Case("L1Loss", use, two, call, mean(regression.mean_absolute_error), "mae"),
        Case("MSELoss", use, two, call, mean(regression.mean_squared_error), "coordinate-mse"),
        Case("SmoothL1Loss", use, two, call, mean(regression.smooth_l1, units=1.0), "smooth-l1", "units=1"),
        Case("WingLoss", use | {"omega": 0.2, "epsilon": 0.05}, two, call, wing, "wing",
             "units=1; theirs is the sum over keypoints"),
        Case("OKSLoss", {}, given | whole, [*call, "areas"], similar, "regression.oks"),
        Case("BoneLoss", {"joint_parents": [0, *(end for _, end in edges)]}, one, call[:2], lengths,
             "bones.bone_length", "one person: theirs compares the mean lengths of a batch, ours each"),
    ]  # fmt: skip


def of_likelihoods(rng: np.random.Generator) -> list[Case]:
    torch.manual_seed(0)
    flow = Flow()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    given = {"xy": floats(rng, B, K, 2), "spread": floats(rng, B, K, 2), "truth": floats(rng, B, K, 2),
             "weights": some(rng)[..., None]}  # fmt: skip

    def told(t: Tensors) -> Tensor:
        table = torch.cat([t["xy"], t["spread"]], dim=2)
        each = rle.residual_log_likelihood((table, *flow.tensors()), (t["truth"],))
        return (each * t["weights"][..., 0]).sum() / B

    state = {f"state.flow_model.{name}": tensor.numpy() for name, tensor in flow.state_dict().items()}
    return [Case("RLELoss", {"use_target_weight": True}, given, [*given], told, "rle", "", state)]


def of_others(rng: np.random.Generator) -> list[Case]:
    seen = {"logits": floats(rng, B, K) * 6 - 3, "visible": some(rng), "weights": some(rng)}
    features = {"own": floats(rng, B, 8, H, W), "wanted": floats(rng, B, 8, H, W)}
    plain = {
        "name": "loss_fea",
        "use_this": True,
        "student_channels": 8,
        "teacher_channels": 8,
        "alpha_fea": 5e-5,
    }
    zero = torch.zeros(())

    def visible(t: Tensors) -> Tensor:
        return (visibility(t["logits"], t["visible"]) * t["weights"]).mean()

    def taught(t: Tensors) -> Tensor:
        error = distillation.feature_error(t["own"], t["wanted"])
        return distillation.first_stage(zero, error, zero, 0.0)

    return [
        Case("BCELoss", {"use_target_weight": True}, seen, [*seen], visible, "visibility"),
        Case("FeaLoss", plain, features, [*features], taught, "distillation.feature_error, first_stage"),
    ]


def floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.random(shape).astype(np.float32)


def some(rng: np.random.Generator) -> NDArray[np.float32]:
    return (rng.random((B, K)) < 0.7).astype(np.float32)


def every() -> NDArray[np.float32]:
    return np.ones((B, K), np.float32)


def softmax(heights: NDArray) -> NDArray[np.float32]:
    shares = np.exp(heights)
    return (shares / shares.sum(axis=2, keepdims=True)).astype(np.float32)


def main() -> None:
    arguments(__doc__.partition("\n")[0], ())
    report = Report("Losses against mmpose's", kept=True)
    report.add(
        f"{B} people with {K} keypoints, random arrays in single precision, three in ten keypoints not "
        "labelled where theirs takes weights. Ours give one number per keypoint and are brought to the mean "
        "or sum that theirs is."
    )
    rng = np.random.default_rng(0)
    cases = [*of_maps(rng), *of_rulers(rng), *of_points(rng), *of_likelihoods(rng), *of_others(rng)]
    with reference() as ask:
        report.table(COLUMNS, [row(ask, case) for case in cases])


if __name__ == "__main__":
    main()
