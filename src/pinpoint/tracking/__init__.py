"""Who is who over time, and their points without tremble."""

from pinpoint.tracking.appearance import Appearance, ColorHistogram
from pinpoint.tracking.camera import Camera, CameraMotion
from pinpoint.tracking.kalman_smoothing import KalmanSmoother
from pinpoint.tracking.lag import Response, Smoother, lag_between, ramp_lag, sine_response
from pinpoint.tracking.offline import fill_gaps, savitzky_golay
from pinpoint.tracking.one_euro import OneEuro
from pinpoint.tracking.repair import Change, Repair, repair_clip
from pinpoint.tracking.similarity import Similarity, by_boxes, by_points, by_points_and_boxes
from pinpoint.tracking.tracker import Tracker

__all__ = [
    "Appearance",
    "Camera",
    "CameraMotion",
    "Change",
    "ColorHistogram",
    "KalmanSmoother",
    "OneEuro",
    "Repair",
    "Response",
    "Similarity",
    "Smoother",
    "Tracker",
    "by_boxes",
    "by_points",
    "by_points_and_boxes",
    "fill_gaps",
    "lag_between",
    "ramp_lag",
    "repair_clip",
    "savitzky_golay",
    "sine_response",
]
