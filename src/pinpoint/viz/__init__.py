"""Drawings of keypoints: over a picture, on a plain colour, or as conditioning for image generation."""

from pinpoint.viz.drawing import draw
from pinpoint.viz.openpose import draw_openpose
from pinpoint.viz.style import Style
from pinpoint.viz.trails import Trails

__all__ = ["Style", "Trails", "draw", "draw_openpose"]
