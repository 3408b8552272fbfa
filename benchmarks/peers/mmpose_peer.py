"""Runs codecs and losses of mmpose 1.3.2, one request per line of standard input.

Arrays come and go as `.npz` files. `encode` and `decode` call a codec for one person at a time, as mmpose
does; `decode-all` gives it all at once; `integral` is its head for integral regression. `loss` calls a loss
with the arrays that `call` names, and answers its value with the gradient of the first.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "parity"))
import cv2
import numpy as np
import stubs
import torch

Arrays = dict[str, np.ndarray]


def made(kind: str, name: str, fields: dict[str, Any]) -> Any:
    from mmpose import codecs, models  # noqa: F401
    from mmpose.registry import MODELS

    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return (getattr(codecs, name) if kind == "codec" else MODELS.get(name))(**plain)


def encode(request: dict[str, Any], arrays: Arrays) -> Arrays:
    codec = made("codec", request["name"], request["fields"])
    people, seconds = [], []
    for _ in range(request.get("rounds", 1)):
        start = time.process_time()
        people = [codec.encode(xy[None]) for xy in arrays["xy"]]
        seconds.append(time.process_time() - start)
    rows = {"seconds": np.array(seconds)}
    for key in people[0]:
        parts = [np.asarray(person[key]) for person in people]
        rows[key] = np.stack(parts) if key == "heatmaps" else np.concatenate(parts)
    return rows


def decode(request: dict[str, Any], arrays: Arrays) -> Arrays:
    codec = made("codec", request["name"], request["fields"])
    outputs, seconds, answer = list(arrays.values()), [], None
    if request["do"] == "decode-all":
        people = [outputs]
    elif request["name"] == "RegressionLabel":
        people = [[part[None] for part in person] for person in zip(*outputs, strict=True)]
    else:
        people = list(zip(*outputs, strict=True))
    for _ in range(request.get("rounds", 1)):
        start = time.process_time()
        answer = [codec.decode(*person) for person in people]
        seconds.append(time.process_time() - start)
    xy, scores = (np.concatenate(parts) for parts in zip(*answer, strict=True))
    return {"xy": xy, "scores": scores, "seconds": np.array(seconds)}


def integral(request: dict[str, Any], arrays: Arrays) -> Arrays:
    from mmpose.models.heads import IntegralRegressionHead

    logits = torch.from_numpy(arrays["logits"])
    _, k, height, width = logits.shape
    plain = {"deconv_out_channels": None, "deconv_kernel_sizes": None, "final_layer": None}
    head = IntegralRegressionHead(k, (width, height), k, beta=request["beta"], **plain)
    coordinates, _ = head.forward((logits,))
    codec = made("codec", "RegressionLabel", {"input_size": request["input_size"]})
    return {"xy": codec.decode(coordinates.detach().numpy())[0]}


def loss(request: dict[str, Any], arrays: Arrays) -> Arrays:
    module = made("loss", request["name"], request["fields"])
    state = {key[6:]: torch.from_numpy(value) for key, value in arrays.items() if key.startswith("state.")}
    if state:
        module.load_state_dict(state)
    if "sigmas" in arrays:
        module.register_buffer("sigmas", torch.from_numpy(arrays.pop("sigmas")))
    given = {key: torch.from_numpy(value) for key, value in arrays.items() if not key.startswith("state.")}
    first = next(iter(given.values())).requires_grad_()
    call = [
        given[one] if isinstance(one, str) else tuple(given[name] for name in one) for one in request["call"]
    ]
    value = module(*call)
    (gradient,) = torch.autograd.grad(value.sum(), first)
    return {"value": value.detach().numpy(), "gradient": gradient.numpy()}


DOES = {"encode": encode, "decode": decode, "decode-all": decode, "integral": integral, "loss": loss}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    warnings.filterwarnings("ignore")
    stubs.install()
    os.dup2(2, 1)  # mmpose and mmengine may print; only answers go out
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for line in sys.stdin:
        request = json.loads(line)
        with np.load(request["arrays"]) as file:
            rows = DOES[request["do"]](request, dict(file))
        np.savez(request["out"], **rows)
        print(json.dumps({"done": request["do"]}), file=answers, flush=True)


if __name__ == "__main__":
    main()
