"""Loads backbone files into torchvision's networks with strict=True: check_strict.py FILE...

The architecture, stem, width and norm are those that the file's metadata says; of a split network each half is loaded.
"""

import sys

from safetensors import safe_open
from safetensors.torch import load_file

from make_goldens import make_network, replace_norms

for path in sys.argv[1:]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt", metadata
    split = metadata["selfsup.split"] == "1"
    width = int(metadata["selfsup.width"]) // (2 if split else 1)
    everything = load_file(path)
    for half in ["lightness.", "colour."] if split else [""]:
        network = make_network(metadata["selfsup.arch"], width, metadata["selfsup.stem"] == "small")
        if metadata["selfsup.norm"] == "layer":
            replace_norms(network)
        weights = {key[len(half):]: value for key, value in everything.items() if key.startswith(half)}
        network.float().load_state_dict(weights, strict=True)
        for key, value in network.state_dict().items():
            assert value.shape == weights[key].shape, key
            assert value.is_floating_point() == weights[key].is_floating_point(), key
    assert not split or all(key.startswith(("lightness.", "colour.")) for key in everything)
    print(path, {key: value for key, value in metadata.items() if key != "format"}, "strict=True")
