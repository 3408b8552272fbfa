import pytest

from pinpoint.hub import card, catalogue, find
from pinpoint.hub.cache import path_of


@pytest.mark.parametrize("name", list(catalogue()))
def test_every_card_tells_licence_training_data_and_input(name):
    told = card(find(name))
    assert {"name", "task", "license", "training data", "input"} <= set(told)
    assert all(told.values())


def test_a_card_tells_whether_the_file_is_here():
    spec = find("yolov8n-pose")
    assert "not here yet" in card(spec)["file"] and "models add" in card(spec)["file"]
    path_of(spec.files[0]).parent.mkdir(parents=True)
    path_of(spec.files[0]).write_bytes(b"weights")
    assert str(path_of(spec.files[0])) in card(spec)["file"]


def test_figures_stand_with_their_source():
    assert card(find("rtmo-s"))["metrics"] == "COCO val2017 AP 68.6 (mmpose projects/rtmo)"


def test_a_size_is_told_only_where_it_is_known():
    assert card(find("mediapipe-pose-full"))["size"] == "6.4 MB"
    assert "size" not in card(find("rtmo-s"))


def test_the_size_of_a_composed_model_is_that_of_its_parts():
    """Body 6,440,512, mesh 1,242,398, the map from it 474,991 and hand 5,478,917 bytes."""
    assert card(find("mediapipe-wholebody"))["size"] == "13.6 MB"
