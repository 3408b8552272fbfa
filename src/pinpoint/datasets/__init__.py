"""Real pictures and their labels, as training sees them."""

from pinpoint.datasets.augmentation import Augmentation, Shift
from pinpoint.datasets.crops import Crops
from pinpoint.datasets.dataset import Dataset, open_dataset
from pinpoint.datasets.mixture import Epoch, Mixture, union
from pinpoint.datasets.samples import Samples, read_samples, samples_of
from pinpoint.datasets.whole import Labels, WholePictures, padded

__all__ = [
    "Augmentation",
    "Crops",
    "Dataset",
    "Epoch",
    "Labels",
    "Mixture",
    "Samples",
    "Shift",
    "WholePictures",
    "open_dataset",
    "padded",
    "read_samples",
    "samples_of",
    "union",
]
