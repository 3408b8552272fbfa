"""Files as VIA 2 writes them; pixels are whole and measured from the outer edge of the first."""

import json

import numpy as np
import pytest

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records
from pinpoint.io.records import Record
from pinpoint.io.via import read_via, write_via
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

CSV = """filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes
a.jpg,1234,"{}",3,0,"{""name"":""point"",""cx"":10,""cy"":20}","{""name"":""tip"",""instance"":""1""}"
a.jpg,1234,"{}",3,1,"{""name"":""point"",""cx"":1,""cy"":2}","{""name"":""tail"",""instance"":""1""}"
a.jpg,1234,"{}",3,2,"{""name"":""rect"",""x"":5,""y"":6,""width"":25,""height"":34}","{""name"":""cat"",""instance"":""1""}"
b.jpg,99,"{}",0,0,"{}","{}"
"""


def point(x, y, **said):
    return {"shape_attributes": {"name": "point", "cx": x, "cy": y}, "region_attributes": said}


def rectangle(x, y, width, height, **said):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": said}


def entry(*regions, name="a.jpg", **more):
    return {"filename": name, "size": 1234, "regions": list(regions), "file_attributes": {}, **more}


@pytest.fixture
def save(tmp_path):
    def saved(*entries, project=False):
        keyed = {f"{one['filename']}{one['size']}": one for one in entries}
        settings = {"_via_settings": {}, "_via_attributes": {}, "_via_data_format_version": "2.0.10"}
        (tmp_path / "x.json").write_text(
            json.dumps(settings | {"_via_img_metadata": keyed} if project else keyed)
        )
        return tmp_path / "x.json"

    return saved


@pytest.mark.parametrize("form", ["annotations", "project", "csv"])
def test_projects_and_exports_say_the_same(form, save, tmp_path):
    regions = [
        point(10, 20, name="tip", instance="1"),
        point(1, 2, name="tail", instance="1"),
        rectangle(5, 6, 25, 34, name="cat", instance="1"),
    ]
    path = save(entry(*regions), entry(name="b.jpg"), project=form == "project")
    if form == "csv":
        path = tmp_path / "x.csv"
        path.write_text(CSV)
    one, two = read_records(path)
    assert (one.image, one.size, one.instance_ids, two.image, len(two.keypoints)) == (
        "a.jpg",
        None,
        (1,),
        "b.jpg",
        0,
    )
    np.testing.assert_array_equal(one.keypoints.xy, [[[9.5, 19.5], [0.5, 1.5]]])
    np.testing.assert_array_equal(one.keypoints.boxes, [[4.5, 5.5, 29.5, 39.5]])
    assert one.keypoints.labels.tolist() == ["cat"] and one.keypoints.skeleton.keypoints == ("tip", "tail")


@pytest.mark.parametrize("key", ["keypoint", "name", "label", "Körperteil"])
def test_the_attribute_that_names_keypoints_is_found(key, save):
    (kps,) = read(
        save(entry(point(1, 1, **{key: "tip", "person": "a"}), point(2, 2, **{key: "tip", "person": "b"})))
    )
    assert kps.skeleton.keypoints == ("tip",) and len(kps) == 2


@pytest.mark.parametrize("said", [{"occluded": "1"}, {"visibility": {"occluded": True}}, {"hidden": "yes"}])
def test_text_and_checkboxes_say_that_a_point_is_hidden(said, save):
    (kps,) = read(save(entry(point(1, 1, name="tip", **said), point(2, 2, name="tail"))))
    assert kps.visible.tolist() == [[False, True]]


def test_regions_numbered_as_in_the_first_version_are_read(save):
    (kps,) = read(save(entry() | {"regions": {"0": point(1, 1, name="tip"), "1": point(2, 2, name="tail")}}))
    np.testing.assert_array_equal(kps.xy, [[[0.5, 0.5], [1.5, 1.5]]])


@pytest.mark.parametrize(
    ("regions", "reason"),
    [
        ([point(1, 1)], "region 1 of image 'a.jpg': it has no name among its attributes"),
        ([point(1, 1, colour="red", mood="good")], "it has no name among its attributes"),
        (
            [point(1, 1, name="tip"), point(2, 2, name="tip")],
            "image 'a.jpg': one instance has 'tip' twice: give",
        ),
        ([{"shape_attributes": {"name": "point"}, "region_attributes": {"name": "tip"}}], "lacks 'cx'"),
    ],
)
def test_what_is_ambiguous_or_damaged_is_refused_with_its_region(regions, reason, save):
    with pytest.raises(UnreadableError, match=reason):
        read(save(entry(*regions)))


def test_a_damaged_cell_is_named_by_its_line(tmp_path):
    (tmp_path / "x.csv").write_text(CSV.replace('""cx"":1,', '""cx"":,'))
    with pytest.raises(UnreadableError, match="line 3"):
        read(tmp_path / "x.csv")


def test_other_regions_are_left_out_and_counted(save, caplog):
    circle = {"shape_attributes": {"name": "circle", "cx": 1, "cy": 1, "r": 2}, "region_attributes": {}}
    read(save(entry(circle)))
    assert "left out: 1 x circle" in caplog.text


@pytest.mark.parametrize("name", ["x.json", "x.csv"])
def test_regions_are_written_as_via_has_them(name, tmp_path):
    kps = Keypoints([[[9.5, 19.5]]], [[1]], Skeleton("dot", ("dot",)), boxes=[[4.5, 5.5, 29.5, 39.5]])
    write_via(tmp_path / name, [Record(kps, "a.jpg", (64, 48), id=3, instance_ids=(8,), split="val")])
    text = (tmp_path / name).read_text()
    if name == "x.json":
        (one,) = json.loads(text).values()
        assert one["regions"] == [
            rectangle(5.0, 6.0, 25.0, 34.0, name="dot", instance="8"),
            point(10.0, 20.0, name="dot", instance="8", occluded="0"),
        ]
    (record,) = read_via(tmp_path / name)
    assert (record.size, record.id, record.instance_ids, record.split) == ((64, 48), 3, (8,), "val")
