"""The networks that this project trained: a file, its row and its recipe say the same."""

from dataclasses import replace

import pytest

from pinpoint.hub import catalogue, find, spec_of_file
from pinpoint.hub.cache import path_of, sha256_of
from pinpoint.training.config import config_from_dict, read_config

MOST_BYTES = 6_000_000
NETWORKS = [
    name
    for name in catalogue()
    if any(file.source.startswith("package:") and file.name.endswith(".onnx") for file in find(name).files)
]


def test_there_are_networks_in_the_package():
    assert NETWORKS == ["body-s", "face-s", "person-n"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_says_what_its_row_says(name):
    row = find(name)
    assert spec_of_file(path_of(row.files[0])) == replace(row, files=())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_is_small_and_the_one_that_was_hashed(name):
    (file,) = find(name).files
    path = path_of(file)
    assert path.stat().st_size == file.bytes <= MOST_BYTES
    assert sha256_of(path) == file.sha256


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recipe_in_the_package_makes_it(name):
    row, recipe = find(name), config_from_dict(read_config(name))
    assert recipe.skeleton == row.skeleton.name
    assert recipe.input_size == row.input_size


@pytest.mark.parametrize("name", NETWORKS)
def test_the_card_tells_the_terms_of_what_was_learnt_from(name):
    """Leeds Sports Pose Extended and 300-W are for research, and so is what was learnt from them."""
    row, sources = find(name), {source.annotations for source in config_from_dict(read_config(name)).data}
    bound = any(source.startswith(("lsp_extended", "face68")) for source in sources)
    assert ("research" in row.license) == ("research" in row.training_data) == bound
