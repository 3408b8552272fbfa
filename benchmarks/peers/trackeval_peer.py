"""Measures tracks by trackeval and motmetrics: reads one JSON document from a file, prints one line of JSON.

    python trackeval_peer.py FILE

The document is a list of clips, each a list of frames with `truth` and `found` (ids) and `alike`, the
similarities of every pair.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import motmetrics
import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

THRESHOLD = 0.5


def clip_of(frames: list[dict]) -> dict:
    """The form that trackeval's metrics take: ids from 0 and counts."""
    data: dict = {"num_timesteps": len(frames)}
    for ours, theirs in (("truth", "gt"), ("found", "tracker")):
        ids = [np.array(frame[ours], int) for frame in frames]
        known = np.unique(np.concatenate(ids)) if ids else np.zeros(0, int)
        data[f"{theirs}_ids"] = [np.searchsorted(known, one) for one in ids]
        data[f"num_{theirs}_ids"] = len(known)
        data[f"num_{theirs}_dets"] = sum(map(len, ids))
    data["similarity_scores"] = [
        np.array(frame["alike"], float).reshape(len(frame["truth"]), len(frame["found"])) for frame in frames
    ]
    return data


def by_trackeval(frames: list[dict]) -> dict[str, float]:
    quiet = {"PRINT_CONFIG": False, "THRESHOLD": THRESHOLD}
    data = clip_of(frames)
    hota = HOTA().eval_sequence(data)
    identity, clear = Identity(quiet).eval_sequence(data), CLEAR(quiet).eval_sequence(data)
    return {
        **{name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")},
        **{name: float(identity[name]) for name in ("IDF1", "IDP", "IDR")},
        "MOTA": float(clear["MOTA"]),
        "switches": float(clear["IDSW"]),
        "missed": float(clear["CLR_FN"]),
        "false": float(clear["CLR_FP"]),
    }


def by_motmetrics(frames: list[dict]) -> dict[str, float]:
    gathered = motmetrics.MOTAccumulator(auto_id=True)
    for frame in frames:
        alike = np.array(frame["alike"], float).reshape(len(frame["truth"]), len(frame["found"]))
        gathered.update(frame["truth"], frame["found"], np.where(alike >= THRESHOLD, 1 - alike, np.nan))
    names = ["idf1", "idp", "idr"]
    row = motmetrics.metrics.create().compute(gathered, metrics=names).iloc[0]
    return {name.upper(): float(row[name]) for name in names}


def main() -> None:
    clips = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    with contextlib.redirect_stdout(io.StringIO()):
        answers = [{"trackeval": by_trackeval(clip), "motmetrics": by_motmetrics(clip)} for clip in clips]
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
