import pytest

from pinpoint.training.config import (
    TrainConfig,
    config_from_dict,
    config_to_dict,
    read_config,
    recipes,
    write_config,
)

LEAST = {"model": "plain-n", "data": [{"annotations": "a.json"}]}
ODD = {
    "weights": 'C:\\odd "name"\n\t\x7f é.safetensors',
    "input_size": [96, 128],
    "small_size": [64, 96],
    "small_share": 0.5,
    "sigmas": [1e-5, 0.05],
    "freeze": ["backbone", "pyramid"],
    "lr": 1e-12,
    "augmentation": {"flip": 0},
    "val": [{"annotations": "b.json", "min_points": 3}],
}


@pytest.mark.parametrize("plain", [LEAST, LEAST | ODD], ids=["least", "odd"])
def test_what_is_written_reads_back_the_same(plain, tmp_path):
    config = config_from_dict(plain)
    write_config(tmp_path / "c.toml", config)
    assert config_from_dict(read_config(tmp_path / "c.toml")) == config
    assert config_from_dict(config_to_dict(config)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "unknown key epoch, did you mean epochs"),
        ({"augmentation": {"flp": 0.5}}, r"unknown key augmentation\.flp, did you mean augmentation\.flip"),
        (
            {"data": [{"annotation": "a.json"}]},
            r"unknown key data\[0\]\.annotation, did you mean data\[0\]\.annotations",
        ),
        ({"data": [{}]}, r"missing key data\[0\]\.annotations"),
        ({"data": []}, "data is empty"),
        ({"lr": "fast"}, "lr is 'fast', expected a number"),
        ({"batch": 8.5}, "batch is 8.5, expected a whole number"),
        ({"batch": True}, "batch is True, expected a whole number"),
        ({"batch": 0}, "batch is 0, expected more than 0"),
        ({"input_size": [96]}, "input_size has 1 values, expected 2"),
        ({"sigmas": [0.1, 0.0]}, "expected numbers above 0"),
        ({"augmentation": 3}, "augmentation is 3, expected a table"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        config_from_dict(LEAST | change)


def test_a_whole_number_is_a_number_too():
    assert config_from_dict(LEAST | {"lr": 1}).lr == 1.0


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_is_found_by_its_name_and_is_understood(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(config_from_dict(read_config(tmp_path.__class__(name))), TrainConfig)


def test_a_recipe_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"no recipe .*body-s"):
        read_config(tmp_path / "body-q")


def test_what_is_no_toml_is_named(tmp_path):
    (tmp_path / "c.toml").write_text("lr = = 3")
    with pytest.raises(ValueError, match=r"c\.toml is not TOML"):
        read_config(tmp_path / "c.toml")
