import pickle
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from odd_inputs import jpeg_with_orientation, picture
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import decode_image, encode_image, read_image, write_image

MODES = {
    "PNG": "RGB L 1 P LA RGBA",
    "JPEG": "RGB L 1 CMYK",
    "TIFF": "RGB L 1 P LA RGBA CMYK YCbCr",
    "GIF": "RGB L 1 P RGBA",
    "WEBP": "RGB L 1 P LA RGBA",
    "BMP": "RGB L 1 P RGBA",
}
LOSSLESS = [".png", ".bmp", ".tif", ".tiff"]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_read_inverts_write(suffix, tmp_path):
    path = tmp_path / f"ünï 猫{suffix}"
    write_image(path, picture(31, 17))
    np.testing.assert_array_equal(read_image(path), picture(31, 17))


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_decode_inverts_encode(suffix):
    np.testing.assert_array_equal(decode_image(encode_image(picture(31, 17), suffix)), picture(31, 17))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"no picture at all", "it is text"),
        (bytes(4) + b"ftypisom" + bytes(500), "it is a video: only pictures are read here"),
    ],
)
def test_bytes_that_are_no_picture_are_refused(data, reason):
    with pytest.raises(UnreadableError, match=rf"cannot read 'a.jpg': {reason}"):
        decode_image(data, "a.jpg")


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".webp"])
def test_read_inverts_lossy_writing_of_a_photograph(suffix, tmp_path):
    """Mean error in levels; at quality 95 these encoders stay below 3, and swapped channels would give 30."""
    write_image(tmp_path / f"photo{suffix}", astronaut())
    error = read_image(tmp_path / f"photo{suffix}").astype(int) - astronaut()
    assert np.abs(error).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_orientation_brings_the_lit_corner_home(orientation, mode, tmp_path):
    """EXIF says where the stored rows belong; RGB goes through OpenCV and CMYK through Pillow."""
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:8, :16] = 255
    stored = Image.fromarray(upright)
    inverse = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}.get(orientation, [])
    for step in inverse:
        stored = stored.transpose(Image.Transpose(step))
    jpeg_with_orientation(tmp_path / "a.jpg", np.asarray(stored), orientation)
    if mode == "CMYK":
        opened = Image.open(tmp_path / "a.jpg")
        opened.convert("CMYK").save(tmp_path / "a.jpg", exif=opened.getexif())
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == upright.shape
    np.testing.assert_allclose(image.astype(int), upright, atol=12)  # rounding of JPEG at an edge on its grid


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_other_formats_carry_an_orientation_too(form, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"lossless": True} if form == "WEBP" else {}
    Image.fromarray(picture()).save(tmp_path / "a", form, exif=exif, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a"), np.rot90(picture(), -1))


def test_pictures_are_the_callers_own(tmp_path):
    for name in ("a.png", "a.jpg", "a.bmp"):
        write_image(tmp_path / name, picture())
        image = read_image(tmp_path / name)
        assert image.flags.c_contiguous and image.flags.writeable


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_scale_to_the_nearest_of_eight(suffix, tmp_path):
    """65535 is 255, and half way between two levels does not matter: an error of .5 is all there is."""
    deep = np.arange(65536, dtype=np.uint16).reshape(128, 512)[..., None].repeat(3, axis=2)
    (tmp_path / f"a{suffix}").write_bytes(cv2.imencode(suffix, deep)[1].tobytes())
    error = read_image(tmp_path / f"a{suffix}") - deep / 257
    assert np.abs(error).max() <= 0.5


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.0, (0, 255)), (0.0, 200.0, (0, 200)), (-1.0, 1.0, (0, 255)), (500.0, 900.0, (0, 255))],
)
def test_floating_numbers_use_the_range_they_are_in(low, high, expected, tmp_path):
    ramp = np.linspace(low, high, 600, dtype=np.float32).reshape(20, 30)
    (tmp_path / "a.tiff").write_bytes(cv2.imencode(".tiff", ramp)[1].tobytes())
    image = read_image(tmp_path / "a.tiff")
    assert (image.min(), image.max()) == expected


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_transparent_places_are_white(depth, tmp_path):
    """Whatever colour hides under them; half transparent red is pink."""
    top = np.iinfo(depth).max
    rgba = np.array([[[top, 0, 0, 0], [top, 0, 0, top], [top, 0, 0, top // 2 + 1]]], depth)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", rgba[..., [2, 1, 0, 3]])[1].tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[[255] * 3, [255, 0, 0], [255, 127, 127]]])


def test_transparent_palette_entry_is_white(tmp_path):
    page = Image.new("P", (2, 1))
    page.putpalette([9, 9, 9, 200, 100, 50])
    page.putdata([0, 1])
    page.save(tmp_path / "a.png", transparency=0)
    page.save(tmp_path / "a.gif", transparency=0)
    for name in ("a.png", "a.gif"):
        np.testing.assert_array_equal(read_image(tmp_path / name), [[[255] * 3, [200, 100, 50]]])


@pytest.mark.parametrize(("form", "mode"), [(form, mode) for form in MODES for mode in MODES[form].split()])
def test_agrees_with_pillow_in_every_mode(form, mode, tmp_path):
    """Pillow alone is the oracle for opaque 8-bit pictures; JPEG decoders differ by rounding."""
    Image.fromarray(astronaut()[:64, :80]).convert(mode).save(tmp_path / "a", form)
    with Image.open(tmp_path / "a") as page:
        expected = np.asarray(page.convert("RGB")).astype(int)
    tolerance = 4 if form == "JPEG" else 0
    np.testing.assert_allclose(read_image(tmp_path / "a"), expected, atol=tolerance)


def test_first_picture_of_an_animation(tmp_path):
    pages = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for form, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        pages[0].save(tmp_path / "a", form, save_all=True, append_images=pages[1:], **options)
        assert (read_image(tmp_path / "a") == (255, 0, 0)).all(), form


def test_limit_on_pixels_is_the_callers(tmp_path):
    write_image(tmp_path / "a.png", picture(20, 10))
    assert read_image(tmp_path / "a.png", max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(UnreadableError, match="20 x 10"):
        read_image(tmp_path / "a.png", max_pixels=199)


def test_large_pictures_make_pillow_neither_warn_nor_refuse(tmp_path):
    """Its own limit, a global, warns from 89 million pixels and refuses from 179 million."""
    Image.new("1", (10_000, 9_000)).save(tmp_path / "a.tiff", compression="group4")
    assert read_image(tmp_path / "a.tiff").shape == (9_000, 10_000, 3)


def test_pillows_warnings_are_held_back_and_the_filters_left_as_they_were(tmp_path):
    """Pillow warns of a directory whose tag claims more values than it may have."""
    Image.fromarray(picture()).save(tmp_path / "a.tiff", tiffinfo={315: "someone"})
    data = bytearray((tmp_path / "a.tiff").read_bytes())
    at = data.index(b"\x1c\x01\x03\x00\x01")  # PlanarConfiguration, one SHORT
    data[at + 4] = 2
    (tmp_path / "a.tiff").write_bytes(data)
    with pytest.warns(UserWarning), Image.open(tmp_path / "a.tiff") as page:
        page.load()
    before = list(warnings.filters)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tiff"), picture())
    assert warnings.filters == before


def test_heic_without_the_plugin_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    with pytest.raises(UnreadableError, match="pip install pillow-heif"):
        read_image(tmp_path / "a.heic")


def test_heic_is_turned_upright_once(tmp_path):
    """The format turns by a box of its own; the EXIF orientation, which phones write too, adds nothing."""
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    image = np.zeros((64, 128, 3), np.uint8)
    image[:32, :64] = 255
    pillow_heif.from_pillow(Image.fromarray(image)).save(tmp_path / "a.heic", exif=exif.tobytes(), quality=-1)
    turned = read_image(tmp_path / "a.heic")
    assert turned.shape == (128, 64, 3) and turned[:32, 40:].min() > 200 and turned[70:].max() < 50


def test_the_error_survives_a_process_boundary():
    error = pickle.loads(pickle.dumps(UnreadableError("a\nb.jpg", "it is empty")))
    assert (error.path, error.reason, str(error)) == (
        "a\nb.jpg",
        "it is empty",
        r"cannot read 'a\nb.jpg': it is empty",
    )


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.gif"])
def test_writing_names_the_suffixes_it_knows(name, tmp_path):
    with pytest.raises(ValueError, match=r"\.jpg, \.jpeg, \.webp, \.png"):
        write_image(tmp_path / name, picture())


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (picture().astype(float), TypeError),
        (picture()[..., 0], ValueError),
        (picture()[:0], ValueError),
        (np.zeros((1, 70_000, 3), np.uint8), ValueError),
    ],
    ids=["float", "grey", "empty", "too wide"],
)
def test_writing_refuses_what_does_not_fit(image, error, tmp_path):
    with pytest.raises(error, match="image"):
        write_image(tmp_path / "a.jpg", image)
    assert not list(tmp_path.iterdir())


def test_writing_makes_no_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_image(tmp_path / "nowhere" / "a.png", picture())


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", picture())
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture())


def test_writing_through_a_link_keeps_the_link(tmp_path):
    write_image(tmp_path / "real.png", picture())
    (tmp_path / "link.png").symlink_to("real.png")
    write_image(tmp_path / "link.png", picture(9, 9))
    assert (tmp_path / "link.png").is_symlink() and read_image(tmp_path / "real.png").shape == (9, 9, 3)


def test_reading_a_jpeg_does_not_import_pillow(tmp_path):
    """It costs a good part of the start of the command line."""
    write_image(tmp_path / "a.jpg", picture())
    code = "import sys; from pinpoint.io.images import read_image; read_image(sys.argv[1])"
    code += "; assert not {'PIL', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.jpg")], check=True)


@pytest.mark.parametrize("given", [np.zeros((4, 4, 3), np.uint8), None, 7, b"a.jpg"], ids=type)
def test_what_is_no_path_is_told_from_one(given):
    with pytest.raises(TypeError, match=f"path is .*{type(given).__name__}, expected the path of a file"):
        read_image(given)


def test_an_address_is_not_read():
    with pytest.raises(UnreadableError, match=r"an address.*download it first"):
        read_image("https://example.org/a.jpg")


def test_a_folder_is_told_from_a_picture(tmp_path):
    with pytest.raises(UnreadableError, match="it is a folder: name a file in it"):
        read_image(tmp_path)
