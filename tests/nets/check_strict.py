"""Loads backbone files into torchvision's networks with strict=True: check_strict.py FILE...

The architecture, stem and width are those that the file's metadata says.
"""

import sys

from safetensors import safe_open
from safetensors.torch import load_file

from make_goldens import make_network

for path in sys.argv[1:]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt", metadata
    network = make_network(metadata["selfsup.arch"], int(metadata["selfsup.width"]), metadata["selfsup.stem"] == "small")
    weights = load_file(path)
    network.float().load_state_dict(weights, strict=True)
    for key, value in network.state_dict().items():
        assert value.shape == weights[key].shape and value.is_floating_point() == weights[key].is_floating_point(), key
    print(path, {key: value for key, value in metadata.items() if key != "format"}, "strict=True")
