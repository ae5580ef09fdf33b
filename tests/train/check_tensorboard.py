"""TensorBoard reads a run: its scalars are metrics.jsonl's, its pictures and histograms are there.

    python tests/train/check_tensorboard.py RUN     (needs tensorboard)
"""

import json
import math
import os
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = sys.argv[1]
events = EventAccumulator(run, size_guidance={"scalars": 0, "images": 0, "histograms": 0})
events.Reload()
lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
compared = 0
for tag in events.Tags()["scalars"]:
    if "/" in tag:
        continue
    logged = {event.step: event.value for event in events.Scalars(tag)}
    wanted = {line["step"]: line[tag] for line in lines if isinstance(line.get(tag), (int, float))}
    assert logged.keys() == wanted.keys(), (tag, sorted(logged.keys() ^ wanted.keys()))
    for step, value in wanted.items():
        assert math.isclose(logged[step], value, rel_tol=1e-6, abs_tol=1e-30), (tag, step, logged[step], value)
        compared += 1
pictures = events.Images("samples")
assert pictures and all(picture.encoded_image_string.startswith(b"\x89PNG") for picture in pictures)
histograms = events.Histograms("weights/backbone.conv1.weight")
assert all(sum(h.histogram_value.bucket) == h.histogram_value.num for h in histograms)
print(f"{run}: {compared} numbers as in metrics.jsonl, {len(pictures)} pictures, {len(histograms)} histograms of conv1")
