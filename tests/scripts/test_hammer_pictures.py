"""The made set of an object that no model knows, from which the guide and a benchmark learn."""

import runpy
from pathlib import Path

import numpy as np

import pinpoint as pp
from pinpoint.io.coco_truth import read_coco_truth

SCRIPT = Path(__file__).parents[2] / "scripts/hammer_pictures.py"


def test_the_same_seed_makes_the_same_pictures_with_every_point_inside():
    draw = runpy.run_path(str(SCRIPT))["picture"]
    for seed in range(5):
        (image, xy), (again, _) = (draw(np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(image, again)
        assert image.shape == (240, 320, 3)
        assert (xy >= 0).all() and (xy <= (319, 239)).all()


def test_the_points_lie_on_the_drawn_hammer():
    hammer = runpy.run_path(str(SCRIPT))["_hammer"]
    for seed in range(10):
        drawn = hammer(np.random.default_rng(seed))
        columns, rows = drawn.xy.round().astype(int).T
        assert (drawn.cover[rows, columns] > 0.9).all()


def test_what_is_written_reads_back_with_its_names(tmp_path):
    write = runpy.run_path(str(SCRIPT))["write_set"]
    records = read_coco_truth(write(tmp_path, 3, seed=1))
    assert [record.image for record in records] == [f"hammer-000{n}.jpg" for n in (1, 2, 3)]
    assert records[0].keypoints.skeleton.keypoints == ("face", "claw", "eye", "throat", "end")
    assert pp.read_image(tmp_path / "images" / records[0].image).shape == (240, 320, 3)
