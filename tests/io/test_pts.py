from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records, write
from pinpoint.io.pts import read_pts, write_pts
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

FIVE = "version: 1\nn_points:  5\n{\n1 1\n2.5 3\nnan nan\n4 4\n5 5\n}"


def faces(rng, count=1):
    return Keypoints(rng.uniform(0, 99, (count, 68, 2)), np.ones((count, 68)), skeleton("face68"))


def test_the_centre_of_the_first_pixel_is_one_one(tmp_path):
    (tmp_path / "a.pts").write_text(FIVE)
    kps = read(tmp_path / "a.pts", skeleton("face5"))[0]
    np.testing.assert_array_equal(kps.xy[0], [[0, 0], [1.5, 2], [np.nan, np.nan], [3, 3], [4, 4]])
    assert kps.scores.tolist() == [[1, 1, 0, 1, 1]]


def test_the_picture_beside_gives_name_and_size(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part/a.pts").write_text(FIVE)
    PIL.Image.new("RGB", (30, 20)).save(tmp_path / "part/a.png")
    (record,) = read_records(tmp_path, skeleton("face5"))
    assert (record.image, record.size) == ("part/a.png", (30, 20))


def test_several_faces_of_one_picture_are_one_record_again(tmp_path, rng):
    write_pts(tmp_path, [Record(faces(rng, 2), "a.jpg")])
    PIL.Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg")
    assert sorted(path.name for path in tmp_path.glob("*.pts")) == ["a_1.pts", "a_2.pts"]
    assert [(r.image, len(r.keypoints)) for r in read_records(tmp_path)] == [("a.jpg", 2)]


def test_one_file_holds_one_face(tmp_path, rng):
    write(tmp_path / "x.pts", faces(rng))
    assert len(read(tmp_path / "x.pts")) == 1
    with pytest.raises(ValueError, match="holds one instance, not 2"):
        write(tmp_path / "x.pts", faces(rng, 2))


def test_pictures_of_one_stem_are_refused(tmp_path, rng):
    with pytest.raises(ValueError, match=r"two pictures would share 'a\.pts'"):
        write_pts(tmp_path, [Record(faces(rng), "a.png"), Record(faces(rng), "a.jpg")])


BROKEN = {
    "brace": (FIVE[:-1], "expected `version:`"),
    "few": (FIVE.replace("1 1\n", ""), "8 numbers, expected 5 points"),
    "word": (FIVE.replace("2.5", "x"), "could not convert.*'x'"),
    "count": (
        FIVE.replace("points:  5\n{", "points: 4\n{").replace("4 4\n", ""),
        "there are 4, expected",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named_with_its_file(name, tmp_path):
    text, reason = BROKEN[name]
    (tmp_path / "a.pts").write_text(text)
    with pytest.raises(UnreadableError, match=rf"a\.pts.*its points: .*{reason}"):
        read_pts(tmp_path, skeleton("face5"))


@pytest.mark.shared
def test_real_faces_come_back(shared_data: Path, tmp_path):
    records = read_coco_truth(shared_data / "samples/300w/test_300w.json", skeleton("face68"))
    write_pts(tmp_path, records)
    for record, again in zip(sorted(records, key=lambda r: r.image), read_pts(tmp_path), strict=True):
        assert again.image == Path(record.image).stem
        np.testing.assert_allclose(again.keypoints.xy, record.keypoints.xy, rtol=0, atol=5.1e-4)
