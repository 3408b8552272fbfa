"""The catalogue of models, and getting their files: cached, checked and safe to interrupt."""

from pinpoint.hub.add import add, remove, spec_of_file
from pinpoint.hub.cache import cache_dir
from pinpoint.hub.card import card
from pinpoint.hub.catalogue import catalogue, find, requirements
from pinpoint.hub.pull import PullError, pull
from pinpoint.hub.spec import ModelFile, ModelSpec

__all__ = [
    "ModelFile",
    "ModelSpec",
    "PullError",
    "add",
    "cache_dir",
    "card",
    "catalogue",
    "find",
    "pull",
    "remove",
    "requirements",
    "spec_of_file",
]
