"""Reads heatmaps as the processor of transformers' ViTPose does, one request per line of standard input."""

import json
import os
import sys

import numpy as np
from transformers.models.vitpose import image_processing_pil_vitpose as vitpose


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # only answers go out
    for line in sys.stdin:
        request = json.loads(line)
        with np.load(request["arrays"]) as file:
            maps = file["maps"]
        cells, scores = vitpose.get_keypoint_predictions(maps)
        cells = vitpose.post_dark_unbiased_data_processing(cells, maps, kernel=request["kernel"])
        np.savez(request["out"], cells=cells, scores=scores)
        print(json.dumps({"done": request["do"]}), file=answers, flush=True)


if __name__ == "__main__":
    main()
