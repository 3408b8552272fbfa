"""Drawings of keypoints: over a picture, on a plain colour, or as conditioning for image generation."""

from pinpoint.viz.drawing import draw
from pinpoint.viz.openpose import draw_openpose
from pinpoint.viz.style import Style

__all__ = ["Style", "draw", "draw_openpose"]
