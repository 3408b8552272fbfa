"""What images say of where they are from."""

from pinpoint.datasets.doctor.sheet import Raw

__all__ = ["GROUPS", "groups_of"]

GROUPS = (
    "subject",
    "subject_id",
    "person_id",
    "video",
    "video_id",
    "sequence",
    "sequence_id",
    "group",
    "scene",
)
"""Keys of images; what shares a value of one must not be torn apart."""


def groups_of(image: Raw) -> list[tuple[str, str]]:
    """Keys and values of what an image belongs to."""
    return [(key, str(image[key])) for key in GROUPS if image.get(key) not in (None, "")]
