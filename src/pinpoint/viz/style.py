"""How a drawing looks: the few numbers a user may want to change."""

from dataclasses import dataclass

__all__ = ["DEFAULT", "Color", "Style"]

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Style:
    """The look of a drawing. Every length is relative, so that one style fits pictures of all sizes.

    Args:
        line_width: Width of a limb as a share of the picture's size, the square root of its area. Limbs of
            small instances are drawn thinner, as their own extent asks for.
        point_radius: Radius of a keypoint in line widths.
        threshold: Keypoints and boxes with a score below this are left out.
        opacity: Opacity of a keypoint with score 1, in [0, 1]. Lower scores fade with their square root.
        boxes: Draw boxes too; where there are none, around the keypoints drawn.
        tags: Write the label and the track id of each instance where it has them, and the score of a box.
        background: A plain RGB colour to draw on instead of the picture.

    Raises:
        ValueError: A number is outside its range.
    """

    line_width: float = 0.008
    point_radius: float = 1.0
    threshold: float = 0.3
    opacity: float = 0.9
    boxes: bool = False
    tags: bool = True
    background: Color | None = None

    def __post_init__(self) -> None:
        _check("line_width", self.line_width, 0.0, 0.2)
        _check("point_radius", self.point_radius, 0.0, 10.0)
        _check("threshold", self.threshold, 0.0, 1.0)
        _check("opacity", self.opacity, 0.0, 1.0)
        if self.background is not None:
            if len(self.background) != 3:
                raise ValueError(f"background is {self.background}, expected red, green and blue")
            for value in self.background:
                _check("background", value, 0, 255)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, expected {low} to {high}")


DEFAULT = Style()
