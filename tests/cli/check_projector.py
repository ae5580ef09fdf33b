"""TensorBoard's projector reads what `selfsup embed --tensorboard FOLDER` writes: points, names, pictures.

    python tests/cli/check_projector.py FOLDER FEATURES.npy     (needs tensorboard)
"""

import io
import json
import sys

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client
from werkzeug.wrappers import Response

folder, path = sys.argv[1:]
features = np.load(path)
provider = MultiplexerDataProvider(EventMultiplexer(), folder)
plugin = ProjectorPlugin(base_plugin.TBContext(logdir=folder, data_provider=provider))
apps = plugin.get_plugin_apps()


def get(route, **query):
    response = Client(apps[route], Response).get(route, query_string={"run": ".", "name": "features", **query})
    assert response.status_code == 200, (route, response.status_code, response.data[:300])
    return response.data


plugin._run_paths = {".": folder}  # what it does when it looks for runs by itself
plugin._update_configs()
info = json.loads(get("/info"))["embeddings"]
assert [e["tensorName"] for e in info] == ["features"] and info[0]["tensorShape"] == list(features.shape), info
values = np.frombuffer(get("/tensor", num_rows=len(features)), np.float32).reshape(features.shape)
assert (values == features).all()
rows = get("/metadata", num_rows=len(features)).decode().split("\n")
names = open(path.removesuffix(".npy") + ".txt").read().splitlines()
assert rows[0] == "label\tname" and [row.split("\t")[1] for row in rows[1:] if row] == names, rows[:3]
sprite = Image.open(io.BytesIO(get("/sprite_image")))
tile = info[0]["sprite"]["singleImageDim"]
columns = int(np.ceil(np.sqrt(len(features))))
assert sprite.size == (columns * tile[0], -(-len(features) // columns) * tile[1]), sprite.size
print(f"{len(features)} points of {features.shape[1]} numbers, names, and a sprite of {sprite.size[0]} x {sprite.size[1]}")
