"""What the server counts, for Prometheus."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from pinpoint.serve.shelf import Shelf
    from pinpoint.serve.worker import Worker

__all__ = ["Figures"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Figures:
    """Counters, gauges and histograms of one server, each with a bounded number of labels.

    Attributes:
        requests: Requests by route, method and status; 499 are those whose client hung up.
        latency: Seconds from the head of a request to the end of its answer, by route.
        pictures: Pictures looked at, by model and by `picture` or `stream`.
        people: Instances found in them, likewise.
        looking: Seconds that decoding and looking at a picture took, by model.
        dropped: Frames of streams that were dropped because newer ones came.
        failed: Frames of streams that could not be read.
        age: Seconds from the arrival of a frame to its answer, by model.
        streams: Open WebSocket streams.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # a time of birth for every counter, which doubles the text
        self._registry = CollectorRegistry()
        self.requests = self._made(Counter, "requests", "Requests.", ["route", "method", "status"])
        self.latency = self._made(
            Histogram, "request_seconds", "Seconds to an answer.", ["route"], buckets=SECONDS
        )
        self.pictures = self._made(Counter, "pictures", "Pictures looked at.", ["model", "source"])
        self.people = self._made(Counter, "people", "Instances found.", ["model", "source"])
        self.looking = self._made(
            Histogram, "looking_seconds", "Seconds to look.", ["model"], buckets=SECONDS
        )
        self.dropped = self._made(Counter, "frames_dropped", "Frames dropped for newer ones.")
        self.failed = self._made(Counter, "frames_failed", "Frames that could not be read.")
        self.age = self._made(
            Histogram, "frame_age_seconds", "Age of a frame answered.", ["model"], buckets=SECONDS
        )
        self.streams = self._made(Gauge, "streams", "Open streams.")
        ProcessCollector(registry=self._registry)

    def watch_queues(self, workers: "Shelf[Worker]") -> None:
        """Show how many pictures wait for each model that is loaded."""
        self._registry.register(_Queues(workers))

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)

    def _made(self, kind: Any, name: str, words: str, labels: Iterable[str] = (), **options: Any) -> Any:
        return kind(f"pinpoint_{name}", words, labels, registry=self._registry, **options)


class _Queues(Collector):
    def __init__(self, workers: "Shelf[Worker]") -> None:
        self._workers = workers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the lengths off the workers, since those that are gone shall not be shown."""
        queue = GaugeMetricFamily("pinpoint_queue", "Pictures that wait for a model.", labels=["model"])
        for name, worker in self._workers:
            queue.add_metric([name], worker.waiting)
        yield queue
