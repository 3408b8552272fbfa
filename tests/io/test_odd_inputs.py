import numpy as np
import pytest

from odd_inputs import ODD_INPUTS, make_odd_inputs
from pinpoint.io.errors import UnreadableError
from pinpoint.io.images import read_image
from pinpoint.io.sources import find_sources
from pinpoint.io.video import read_video


def read_everything(path):
    """Every picture of whatever this is, as the command line goes about it."""
    sources, errors = find_sources([str(path)])
    if errors:
        raise errors[0]
    for source in sources:
        if source.kind == "image":
            yield read_image(source.path)
        else:
            with read_video(source.path) as video:
                yield from (frame.image for frame in video)


@pytest.mark.parametrize("odd", ODD_INPUTS, ids=repr)
@pytest.mark.timeout(20)
def test_every_odd_input_is_read_or_refused_with_its_reason(odd, tmp_path, capfd):
    if odd.unless:
        pytest.skip(odd.unless)
    (path,) = make_odd_inputs(tmp_path, [odd])
    if odd.good:
        images = list(read_everything(path))
        assert images and all(image.dtype == np.uint8 and image.shape[2] == 3 for image in images)
    else:
        with pytest.raises(UnreadableError, match=odd.reason) as caught:
            list(read_everything(path))
        assert caught.value.path == str(path) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_folder_of_them_all_comes_to_an_end(tmp_path):
    """No odd input stops those beside it from being found, and the links among them make no circle."""
    paths = make_odd_inputs(tmp_path)
    (tmp_path / "circle").symlink_to(tmp_path)
    sources, errors = find_sources([str(tmp_path)])
    named = {str(path) for path in paths if path.suffix in (".jpg", ".png", ".mp4") and path.is_file()}
    assert not errors and named <= {source.path for source in sources}
