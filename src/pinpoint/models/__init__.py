"""Networks in plain torch: one architecture per file, each a function that names its parts."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor, nn

from pinpoint.geometry import Size
from pinpoint.skeletons import Skeleton

__all__ = ["ARCHITECTURES", "Architecture", "Network", "Published", "architecture", "fitted"]

ARCHITECTURES: dict[str, str] = {
    "plain-n": "pinpoint.models.plain:plain_n",
    "plain-s": "pinpoint.models.plain:plain_s",
    "plain-m": "pinpoint.models.plain:plain_m",
    "mobile-s": "pinpoint.models.mobile:mobile_s",
    "mobile-m": "pinpoint.models.mobile:mobile_m",
    "plain-det-n": "pinpoint.models.plain_detector:plain_det_n",
    "plain-one-n": "pinpoint.models.plain_detector:plain_one_n",
    "plain-one-s": "pinpoint.models.plain_detector:plain_one_s",
    "rtmpose-t": "pinpoint.models.rtmpose:rtmpose_t",
    "rtmpose-s": "pinpoint.models.rtmpose:rtmpose_s",
    "rtmpose-m": "pinpoint.models.rtmpose:rtmpose_m",
    "rtmpose-l": "pinpoint.models.rtmpose:rtmpose_l",
    "rtmpose-x": "pinpoint.models.rtmpose:rtmpose_x",
    "dwpose-t": "pinpoint.models.dwpose:dwpose_t",
    "dwpose-s": "pinpoint.models.dwpose:dwpose_s",
    "dwpose-m": "pinpoint.models.dwpose:dwpose_m",
    "dwpose-l": "pinpoint.models.dwpose:dwpose_l",
    "hrnet-w32": "pinpoint.models.hrnet:hrnet_w32",
    "hrnet-w48": "pinpoint.models.hrnet:hrnet_w48",
    "vitpose-s": "pinpoint.models.vitpose:vitpose_s",
    "vitpose-b": "pinpoint.models.vitpose:vitpose_b",
    "vitpose-l": "pinpoint.models.vitpose:vitpose_l",
    "vitpose-h": "pinpoint.models.vitpose:vitpose_h",
    "vitpose-s.simple": "pinpoint.models.vitpose:vitpose_s:simple",
    "vitpose-b.simple": "pinpoint.models.vitpose:vitpose_b:simple",
    "vitpose-l.simple": "pinpoint.models.vitpose:vitpose_l:simple",
    "vitpose-h.simple": "pinpoint.models.vitpose:vitpose_h:simple",
    "vitpose-plus-s": "pinpoint.models.vitpose_plus:vitpose_plus_s",
    "vitpose-plus-b": "pinpoint.models.vitpose_plus:vitpose_plus_b",
    "vitpose-plus-l": "pinpoint.models.vitpose_plus:vitpose_plus_l",
    "vitpose-plus-h": "pinpoint.models.vitpose_plus:vitpose_plus_h",
    "vitpose-plus-s.aic": "pinpoint.models.vitpose_plus:vitpose_plus_s:aic",
    "vitpose-plus-s.mpii": "pinpoint.models.vitpose_plus:vitpose_plus_s:mpii",
    "vitpose-plus-s.ap10k": "pinpoint.models.vitpose_plus:vitpose_plus_s:ap10k",
    "vitpose-plus-s.apt36k": "pinpoint.models.vitpose_plus:vitpose_plus_s:apt36k",
    "vitpose-plus-s.wholebody": "pinpoint.models.vitpose_plus:vitpose_plus_s:wholebody",
    "vitpose-plus-b.aic": "pinpoint.models.vitpose_plus:vitpose_plus_b:aic",
    "vitpose-plus-b.mpii": "pinpoint.models.vitpose_plus:vitpose_plus_b:mpii",
    "vitpose-plus-b.ap10k": "pinpoint.models.vitpose_plus:vitpose_plus_b:ap10k",
    "vitpose-plus-b.apt36k": "pinpoint.models.vitpose_plus:vitpose_plus_b:apt36k",
    "vitpose-plus-b.wholebody": "pinpoint.models.vitpose_plus:vitpose_plus_b:wholebody",
    "vitpose-plus-l.aic": "pinpoint.models.vitpose_plus:vitpose_plus_l:aic",
    "vitpose-plus-l.mpii": "pinpoint.models.vitpose_plus:vitpose_plus_l:mpii",
    "vitpose-plus-l.ap10k": "pinpoint.models.vitpose_plus:vitpose_plus_l:ap10k",
    "vitpose-plus-l.apt36k": "pinpoint.models.vitpose_plus:vitpose_plus_l:apt36k",
    "vitpose-plus-l.wholebody": "pinpoint.models.vitpose_plus:vitpose_plus_l:wholebody",
    "vitpose-plus-h.aic": "pinpoint.models.vitpose_plus:vitpose_plus_h:aic",
    "vitpose-plus-h.mpii": "pinpoint.models.vitpose_plus:vitpose_plus_h:mpii",
    "vitpose-plus-h.ap10k": "pinpoint.models.vitpose_plus:vitpose_plus_h:ap10k",
    "vitpose-plus-h.apt36k": "pinpoint.models.vitpose_plus:vitpose_plus_h:apt36k",
    "vitpose-plus-h.wholebody": "pinpoint.models.vitpose_plus:vitpose_plus_h:wholebody",
    "simplebaseline-r50": "pinpoint.models.simplebaseline:simplebaseline_r50",
    "simplebaseline-r101": "pinpoint.models.simplebaseline:simplebaseline_r101",
    "simplebaseline-r152": "pinpoint.models.simplebaseline:simplebaseline_r152",
    "deeppose-r50": "pinpoint.models.deeppose:deeppose_r50",
    "deeppose-r101": "pinpoint.models.deeppose:deeppose_r101",
    "deeppose-r152": "pinpoint.models.deeppose:deeppose_r152",
    "deeppose-rle-r50": "pinpoint.models.deeppose:deeppose_rle_r50",
    "deeppose-rle-r101": "pinpoint.models.deeppose:deeppose_rle_r101",
    "deeppose-rle-r152": "pinpoint.models.deeppose:deeppose_rle_r152",
    "pfld-s": "pinpoint.models.pfld:pfld_s",
    "pfld-m": "pinpoint.models.pfld:pfld_m",
    "hourglass-2": "pinpoint.models.hourglass:hourglass_2",
    "hourglass-8": "pinpoint.models.hourglass:hourglass_8",
    "hourglass-52": "pinpoint.models.hourglass52:hourglass_52",
    "yolo-pose-n": "pinpoint.models.yolo_pose:yolo_pose_n",
    "yolo-pose-s": "pinpoint.models.yolo_pose:yolo_pose_s",
    "yolo-pose-m": "pinpoint.models.yolo_pose:yolo_pose_m",
    "yolo-pose-l": "pinpoint.models.yolo_pose:yolo_pose_l",
    "yolo-pose-x": "pinpoint.models.yolo_pose:yolo_pose_x",
    "openpose-body25": "pinpoint.models.openpose:openpose_body25",
    "openpose-coco18": "pinpoint.models.openpose:openpose_coco18",
    "higherhrnet-w32": "pinpoint.models.higherhrnet:higherhrnet_w32",
    "higherhrnet-w48": "pinpoint.models.higherhrnet:higherhrnet_w48",
    "dekr-w32": "pinpoint.models.dekr:dekr_w32",
    "dekr-w48": "pinpoint.models.dekr:dekr_w48",
    "keypoint-rcnn-r50": "pinpoint.models.keypoint_rcnn:keypoint_rcnn_r50",
    "sapiens-0.3b": "pinpoint.models.sapiens:sapiens_0_3b",
    "sapiens-0.6b": "pinpoint.models.sapiens:sapiens_0_6b",
    "sapiens-1b": "pinpoint.models.sapiens:sapiens_1b",
    "sapiens-2b": "pinpoint.models.sapiens:sapiens_2b",
    "poseted-r50": "pinpoint.models.poseted:poseted_r50",
    "rtmo-s": "pinpoint.models.rtmo:rtmo_s",
    "rtmo-m": "pinpoint.models.rtmo:rtmo_m",
    "rtmo-l": "pinpoint.models.rtmo:rtmo_l",
    "centernet-dla34": "pinpoint.models.centernet:centernet_dla34",
    "centernet-hourglass": "pinpoint.models.centernet:centernet_hourglass",
}
"""Where the architecture of each name is made, and what its function is given. Imported when asked for."""

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class Network(Protocol):
    """What training and export ask of a network; it is an `nn.Module` too.

    A network whose class says `guided = True` proposes places before it reads them, as Keypoint R-CNN does:
    in training it is called with the images and the targets of the batch, else with the images alone.
    """

    keypoint_parameters: Mapping[str, int]
    """Parameters whose first axis has K equal groups, one per keypoint, and how many rows are in each.

    Others that depend on the keypoints, such as what reads the maps of a stage before, are told by how their
    names start in `keypoint_inputs`, where there are any. They start from chance for other keypoints.
    """

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Raw outputs, as the loss takes them, from images (B, 3, h, w) that are normalised."""
        ...

    def readable(self, *outputs: Tensor) -> tuple[Tensor, ...]:
        """Raw outputs as the codec decodes them; this is what an exported file puts out."""
        ...


@dataclass(frozen=True)
class Published:
    """What was published of a network.

    Args:
        parameters: Millions of parameters, to the precision they are printed with ("28.5"); empty: none are.
        gflops: Billions of operations for one input, as printed; None: not printed.
        metrics: Figures as printed, shares of 1 ({"AP": 0.749}).
        source: Where it is printed: arXiv id or address, and what the figures were measured on.
        has_file: Whether there is a checkpoint of it that `pinpoint.training.official` reads.
    """

    parameters: str
    gflops: float | None
    metrics: Mapping[str, float]
    source: str
    has_file: bool = True


def as_named(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of an official checkpoint whose names are ours."""
    return dict(tensors)


@dataclass(frozen=True)
class Architecture:
    """How a network of one name is built, fed, read and taught.

    Args:
        name: `family-size`.
        pipeline: `top-down` (a crop in) or `one-stage` (a whole picture in, bottom-up networks too): how it
            is run; a key of `pipelines.load.BUILDERS`.
        build: Makes the network for a codec and a number of keypoints.
        codec: Makes the codec for an input size, with the keypoints of `skeleton`.
        input_size: Width and height it is usually fed.
        loss: What it is taught with: of top-down networks a key of `pinpoint.losses.LOSSES`, of one-stage
            ones a key of `pinpoint.losses.PICTURE_LOSSES`.
        mean: Per channel (RGB) in 0 to 255, subtracted first.
        std: Per channel (RGB) in 0 to 255, divided by.
        box_scale: How far a box is grown before it is cropped (top-down only).
        align: Where a letterboxed picture sits (one-stage only): .5 in the middle, 0 in the top left corner.
        pad_value: Grey level outside the picture.
        paper: arXiv id or address.
        task: What it finds, as `ModelSpec.task` says it, where its keypoints do not tell. Detectors have no
            keypoints, whatever the data has.
        skeleton: What the official checkpoint's keypoints are.
        official: Gives the tensors of the official checkpoint our names, and leaves out what only training
            needed.
        published: What was published of it.
    """

    name: str
    pipeline: str
    build: Callable[..., nn.Module]
    codec: Callable[[Size], Any]
    input_size: Size
    loss: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    box_scale: float = 1.25
    align: float = 0.5
    pad_value: float = 0.0
    paper: str = ""
    task: str = ""
    skeleton: str = "coco17"
    official: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = as_named
    published: Published | None = None


def architecture(name: str) -> Architecture:
    """Return the architecture of a name.

    Raises:
        ValueError: There is none of that name; near ones are named.
    """
    if name not in ARCHITECTURES:
        near = difflib.get_close_matches(name, ARCHITECTURES, n=3)
        meant = f"there are {', '.join(near)}" if near else "`pinpoint models list --architectures` names all"
        raise ValueError(f"no architecture {name!r} to train; {meant}")
    module, function, *given = ARCHITECTURES[name].split(":")
    return getattr(import_module(module), function)(*given)


def fitted(codec: Any, columns: Skeleton) -> Any:
    """A codec for other keypoints: those of its fields are set that are told by a skeleton.

    Args:
        codec: Fields named `keypoints` (how many), `edges` (pairs of indices) and `sigmas` are set.
        columns: What the keypoints are.
    """
    edges = tuple((int(a), int(b)) for a, b in columns.edge_index)
    told = {"keypoints": len(columns), "edges": edges, "sigmas": columns.sigmas}
    own = [field.name for field in fields(codec) if told.get(field.name) is not None]
    return replace(codec, **{name: told[name] for name in own})
