import gc
import weakref

import pytest

from pinpoint.serve.refusal import RefusedError
from pinpoint.serve.watch import Watch
from serve.served import awaited


class Request:
    """Stands for all that one request holds."""


@pytest.mark.parametrize(("kind", "told"), [(ValueError, RefusedError), (KeyError, RuntimeError)])
def test_a_model_that_could_not_be_loaded_keeps_hold_of_no_request(kind, told):
    def load(name):
        raise kind("no")

    async def ask() -> weakref.ref[Request]:
        request = Request()
        with pytest.raises(told, match="body"):
            await watch.open("body")
        return weakref.ref(request)

    watch = Watch("body", load)
    requests = [awaited(ask()) for _ in range(2)]
    gc.collect()
    assert [request() for request in requests] == [None, None]
    watch.close()
