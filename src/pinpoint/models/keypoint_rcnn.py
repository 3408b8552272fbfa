"""Keypoint R-CNN: regions are proposed, then each is read as a box and as a heatmap per keypoint.

Mask R-CNN's branch for keypoints (arXiv 1703.06870) on a ResNet with a feature pyramid (arXiv 1612.03144).
Parts bear the names that torchvision's checkpoints give them, so the state of one loads into the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.keypoint_rcnn import BOX_WEIGHTS, EDGE, KeypointRegions
from pinpoint.models import Architecture, Published
from pinpoint.models.nms import clipped, kept, sizes
from pinpoint.models.regions import UNDECIDED, Proposer, Targets, chosen, drawn, matched, moved
from pinpoint.models.resnet import Bottleneck, ResNet
from pinpoint.models.roi import pyramid_align

__all__ = ["FrozenNorm", "KeypointRCNN", "Widths", "keypoint_rcnn_r50"]

BOX_CELLS, POINT_CELLS = 7, 14
LEAST_SCORE, MAX_OVERLAP, LEAST_SIDE = 0.05, 0.5, 0.01
REGIONS, REGION_SHARE = 512, 0.25  # learnt from in each picture, and how many of them tell an instance
REGION_PIXELS, LEAST_REGIONS = 2048, 16  # fewer regions are learnt from in inputs below 1024 x 1024
ALIKE = 0.5  # IoU from which a region tells an instance
RARE = 4.6  # logit of the background over an instance at first, 99 : 1 (arXiv 1708.02002)
GREY = 114.0  # about the mean of the three channels: torchvision continues pictures with their mean


@dataclass(frozen=True)
class Widths:
    """How wide and deep a network is.

    Args:
        depth: Of the ResNet.
        pyramid: Channels of every level.
        box: Of the two layers that read a box.
        points: Channels of each convolution that reads keypoints.
    """

    depth: int = 50
    pyramid: int = 256
    box: int = 1024
    points: tuple[int, ...] = (512,) * 8


class FrozenNorm(nn.Module):
    """Batch norm whose statistics, factors and shifts are those of pretraining and are not learnt.

    Nothing is added to the variance: the published weights were learnt so.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, h, w)."""
        scale = self.get_buffer("weight") * self.get_buffer("running_var").rsqrt()
        shift = self.get_buffer("bias") - self.get_buffer("running_mean") * scale
        return features * scale[:, None, None] + shift[:, None, None]


class FeaturePyramid(nn.Module):
    """Every level after what the coarser ones know, and one coarser still (arXiv 1612.03144)."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(inside, width, 1)) for inside in channels)
        self.layer_blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1)) for _ in channels
        )
        self.apply(_start_even)

    def forward(self, features: tuple[Tensor, ...]) -> list[Tensor]:
        """Maps of one width, finest first."""
        inner = [block(level) for block, level in zip(self.inner_blocks, features, strict=True)]
        for place in range(len(inner) - 2, -1, -1):
            grown = functional.interpolate(inner[place + 1], size=inner[place].shape[2:], mode="nearest")
            inner[place] = inner[place] + grown
        levels = [block(level) for block, level in zip(self.layer_blocks, inner, strict=True)]
        return [*levels, functional.max_pool2d(levels[-1], 1, 2)]


def _start_even(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_uniform_(module.weight, a=1)
        nn.init.zeros_(module.bias)


class Backbone(nn.Module):
    """A ResNet whose norms are frozen, and a pyramid on it."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.body = ResNet(depth)
        _freeze(self.body)
        self.fpn = FeaturePyramid(self.body.channels, width)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps at 1/4 to 1/64 of the input."""
        return self.fpn(self.body(images))


def _freeze(body: ResNet) -> None:
    """Replace batch norms; blocks add little at first, so that signals do not grow from one to the next."""
    for parent in [*body.modules()]:
        for name, child in [*parent.named_children()]:
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, FrozenNorm(child.num_features))
    blocks = [block for block in body.modules() if hasattr(block, "downsample")]
    for block in blocks:
        last = block.bn3 if isinstance(block, Bottleneck) else block.bn2
        nn.init.constant_(last.get_buffer("weight"), len(blocks) ** -0.5)  # pyright: ignore


class BoxHead(nn.Module):
    """Two layers over all that is read of a region."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(inside, width)
        self.fc7 = nn.Linear(width, width)

    def forward(self, regions: Tensor) -> Tensor:
        """Map (R, C, s, s) to (R, width)."""
        return functional.relu(self.fc7(functional.relu(self.fc6(regions.flatten(1)))))


class BoxPredictor(nn.Module):
    """What a region is, background or an instance, and where its box is better put."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(width, 2)
        self.bbox_pred = nn.Linear(width, 8)  # one box for the background, which is not used
        for layer, spread in ((self.cls_score, 0.01), (self.bbox_pred, 0.001)):
            nn.init.normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.cls_score.bias[0] = RARE

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (R, 2) and deltas (R, 4) of regions (R, width)."""
        return self.cls_score(regions).float(), self.bbox_pred(regions)[:, 4:].float()


class PointPredictor(nn.Module):
    """One map per keypoint, four times as fine as what was read of a region."""

    def __init__(self, inside: int, keypoints: int) -> None:
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(inside, keypoints, 4, 2, 1)
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(_bias(self.kps_score_lowres))

    def forward(self, regions: Tensor) -> Tensor:
        """Map (R, C, s, s) to logits (R, K, 4s, 4s)."""
        fine = self.kps_score_lowres(regions)
        return functional.interpolate(fine.float(), scale_factor=2.0, mode="bilinear", align_corners=False)


def _bias(layer: nn.Module) -> Tensor:
    return layer.get_parameter("bias")


def _point_head(inside: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((inside, *widths), widths, strict=False):
        conv = nn.Conv2d(before, after, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(_bias(conv))
        layers += [conv, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class RegionHeads(nn.Module):
    """Reads regions as boxes and as heatmaps."""

    def __init__(self, keypoints: int, widths: Widths) -> None:
        super().__init__()
        self.box_head = BoxHead(widths.pyramid * BOX_CELLS**2, widths.box)
        self.box_predictor = BoxPredictor(widths.box)
        self.keypoint_head = _point_head(widths.pyramid, widths.points)
        self.keypoint_predictor = PointPredictor(widths.points[-1], keypoints)

    def boxes(self, pyramid: list[Tensor], regions: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, R, 2) and deltas (B, R, 4) of regions (B, R, 4)."""
        read = pyramid_align(pyramid[:-1], _rois(regions), BOX_CELLS)
        logits, deltas = self.box_predictor(self.box_head(read))
        count = regions.shape[1]
        return logits.unflatten(0, (-1, count)), deltas.unflatten(0, (-1, count))

    def points(self, pyramid: list[Tensor], rois: Tensor) -> Tensor:
        """Logits (R, K, 56, 56) in regions with the index of their picture (R, 5)."""
        return self.keypoint_predictor(self.keypoint_head(pyramid_align(pyramid[:-1], rois, POINT_CELLS)))


def _rois(regions: Tensor) -> Tensor:
    """Regions (B, R, 4) of all pictures with the index of their picture, shape (BR, 5)."""
    pictures = torch.ones_like(regions[..., :1]).cumsum(dim=0) - 1
    return torch.cat([pictures, regions], dim=2).flatten(0, 1)


class KeypointRCNN(nn.Module):
    """Boxes, and in each of them one heatmap per keypoint.

    Args:
        codec: Says how many instances of a picture are read at most.
        keypoints: How many there are.
        widths: How wide and deep it is.
    """

    guided = True
    keypoint_parameters = {"roi_heads.keypoint_predictor.kps_score_lowres.bias": 1}  # noqa: RUF012
    keypoint_inputs = ("roi_heads.keypoint_predictor.kps_score_lowres.weight",)

    def __init__(self, codec: KeypointRegions, keypoints: int, *, widths: Widths = Widths()) -> None:
        super().__init__()
        self.instances, self.keypoints = codec.instances, keypoints
        self.backbone = Backbone(widths.depth, widths.pyramid)
        self.rpn = Proposer(widths.pyramid)
        self.roi_heads = RegionHeads(keypoints, widths)

    def forward(self, images: Tensor, targets: tuple[Tensor, ...] | None = None) -> tuple[Tensor, ...]:
        """What there is in images (B, 3, h, w) or, with targets, what can be learnt from them.

        Boxes are measured from the outer edge of the input, as torchvision's are.

        Args:
            images: Normalised.
            targets: See `Targets`; boxes and points in input pixels whose centres are on whole numbers.

        Returns:
            Boxes (B, D, 4), scores (B, D), best first, 0 where there are no more, and the logits of the
            heatmaps (B, D, K, 56, 56). With targets, what `pinpoint.losses.keypoint_rcnn` takes.
        """
        pyramid = self.backbone(images)
        height, width = (int(side) for side in images.shape[2:])  # fixed in an exported file
        found = self.rpn(pyramid, width, height)
        regions, there = self.rpn.proposals(found, width, height)
        if targets is None:
            boxes, scores = self._boxes(pyramid, regions, there, (width, height))
            return boxes, scores, self._heatmaps(pyramid, boxes, scores)
        truth = Targets(*targets)
        truth = truth._replace(boxes=truth.boxes + EDGE, ignored=truth.ignored + EDGE)
        count = min(REGIONS, max(LEAST_REGIONS, height * width // REGION_PIXELS))
        return *self.rpn.lessons(found, truth), *self._lessons(pyramid, regions, there, truth, count)

    def readable(self, *outputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs as they are."""
        return outputs

    def _boxes(
        self, pyramid: list[Tensor], regions: Tensor, there: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """The best distinct instances, shapes (B, D, 4) and (B, D)."""
        logits, deltas = self.roi_heads.boxes(pyramid, regions)
        boxes = clipped(moved(deltas, regions, BOX_WEIGHTS), *size)
        scores = logits.softmax(dim=-1)[..., 1]
        sound = there & (scores > LEAST_SCORE) & (sizes(boxes) >= LEAST_SIDE).all(dim=-1)
        boxes, scores = boxes * sound[..., None], scores * sound  # what has no area drops nothing
        scores = scores * kept(boxes, scores, MAX_OVERLAP)
        best, rows = scores.topk(min(self.instances, scores.shape[1]), dim=1)
        return chosen(boxes, rows), best

    def _heatmaps(self, pyramid: list[Tensor], boxes: Tensor, scores: Tensor) -> Tensor:
        """Heatmaps of the instances that there are, 0 for the others: this is where the time goes."""
        picture, row = (scores > 0).nonzero(as_tuple=True)
        rois = torch.cat([picture[:, None].to(boxes.dtype), boxes[picture, row]], dim=1)
        maps = self.roi_heads.points(pyramid, rois)
        empty = torch.zeros_like(scores)[..., None, None, None]
        return empty.expand(-1, -1, *maps.shape[1:]).index_put((picture, row), maps)

    def _lessons(
        self, pyramid: list[Tensor], regions: Tensor, there: Tensor, truth: Targets, count: int
    ) -> tuple[Tensor, ...]:
        """A draw of so many regions to learn from, those of the truth among them.

        Returns:
            Logits (B, R, 2), deltas (B, R, 4), regions (B, R, 4) and the row of the instance that each tells
            (B, R); logits of heatmaps (P, K, 56, 56), their regions with the index of their picture (P, 5),
            and rows (P,).
        """
        regions = torch.cat([regions, truth.boxes], dim=1)
        rows = matched(regions, truth, high=ALIKE, low=ALIKE)
        rows = torch.where(torch.cat([there, truth.valid], dim=1), rows, UNDECIDED)
        places, rows = drawn(rows, count, REGION_SHARE)
        regions = chosen(regions, places)
        labelled = truth.xy.isfinite().all(dim=-1).any(dim=-1).gather(1, rows.clamp_min(0)) & (rows >= 0)
        rois = _rois(regions)[labelled.flatten()]
        logits, deltas = self.roi_heads.boxes(pyramid, regions)
        return logits, deltas, regions, rows, self.roi_heads.points(pyramid, rois), rois, rows[labelled]


def _official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of torchvision's checkpoints, the older ones too, in which single convolutions have no number."""
    renamed = {}
    for name, tensor in tensors.items():
        place, _, last = name.rpartition(".")
        parts = place.split(".")
        if "fpn" in parts and parts[-2] in ("inner_blocks", "layer_blocks"):
            place = f"{place}.0"
        renamed[f"rpn.head.conv.0.0.{last}" if place == "rpn.head.conv" else f"{place}.{last}"] = tensor
    return {name: tensor for name, tensor in renamed.items() if not name.endswith("num_batches_tracked")}


def keypoint_rcnn_r50() -> Architecture:
    """59.1 million parameters. Published for pictures scaled to 800 pixels or more on the shorter side.

    COCO's usual 640 x 480 become 1024 x 768 here, near the middle of the sizes it was trained on.
    """
    return Architecture(
        name="keypoint-rcnn-r50",
        pipeline="one-stage",
        build=partial(KeypointRCNN, widths=Widths()),
        codec=KeypointRegions,
        input_size=(1024, 1024),
        loss="keypoint-rcnn",
        align=0.0,
        pad_value=GREY,
        paper="1703.06870",
        official=_official,
        published=Published(
            parameters="59.137258",
            gflops=137.42,
            metrics={"AP": 0.650, "box AP": 0.546},
            source="torchvision, KeypointRCNN_ResNet50_FPN_Weights.COCO_V1, on COCO val2017 with pictures of "
            "800 to 1333 pixels and without a flip test; what is multiplied depends on what is found",
        ),
    )
