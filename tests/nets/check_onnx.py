"""onnxruntime gives the program's features: exports untrained networks, or the models that are named, to ONNX and compares.

    python tests/nets/check_onnx.py PROGRAM [MODEL...]     (needs onnx, onnxruntime, numpy, Pillow, scikit-image)

Pictures have the model's size, so that the test view is the picture itself. The largest difference, relative to the
largest feature, must stay below 1e-4; of export --half's too, beside the features of the float16 .safetensors.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from PIL import Image
from skimage.color import rgb2lab

program = sys.argv[1]
models = sys.argv[2:] or [f"random:{arch}" for arch in (
    "resnet18?width=16&size=32", "resnet18?width=16&size=96", "resnet34?width=16&size=64", "resnet50?width=16&size=96",
    "resnet18?width=16&size=32&norm=layer", "resnet18?width=16&size=96&input=lightness",
    "resnet18?width=16&size=96&input=lab&split=1", "alexnet?width=16&size=96", "alexnet_bn?width=16&size=96",
    "vgg11_bn?width=16&size=64", "vgg16?width=16&size=64", "resnet18?size=224", "resnet18?width=16&size=64&input=sobel")]


def sobel(pixels):
    grey = np.pad(pixels.mean(3), ((0, 0), (1, 1), (1, 1)), "edge")
    smooth = grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]
    across = smooth[:, :, 2:] - smooth[:, :, :-2]
    smooth = grey[:, :, :-2] + 2 * grey[:, :, 1:-1] + grey[:, :, 2:]
    down = smooth[:, 2:] - smooth[:, :-2]
    return np.stack([across / 4, down / 4, 0 * across], 3)


def as_input(pixels, meta):
    """(N, H, W, 3) of 0..1 as the metadata says."""
    kind = meta["selfsup.input"]
    if kind == "rgb":
        mean, std = (np.array([float(v) for v in meta[f"selfsup.{key}"].split(",")]) for key in ("mean", "std"))
        return (pixels - mean) / std
    if kind == "sobel":
        return sobel(pixels)
    lab = rgb2lab(pixels)
    lightness = (lab[..., :1] - 50) / 50
    return np.repeat(lightness, 3, 3) if kind == "lightness" else np.concatenate([lightness, lab[..., 1:] / 110], 3)


def export(model, file, half):
    subprocess.run([program, "export", model, "-o", file] + half, check=True, stdout=subprocess.DEVNULL)


for model, half in [(model, half) for model in models for half in ([], ["--half"])]:
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "model.onnx")
        export(model, file, half)
        name = model
        if half:
            name = os.path.join(folder, "model.safetensors")
            export(model, name, half)
        onnx.checker.check_model(file, full_check=True)
        session = onnxruntime.InferenceSession(file)
        meta = session.get_modelmeta().custom_metadata_map
        size = int(meta["selfsup.size"])
        pixels = np.random.default_rng(0).integers(0, 256, (5, size // 8, size // 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
        pictures = os.path.join(folder, "pictures")
        os.mkdir(pictures)
        for i, picture in enumerate(pixels):
            Image.fromarray(picture).save(os.path.join(pictures, f"{i}.png"))
        features = os.path.join(folder, "features.npy")
        subprocess.run([program, "embed", name, pictures, "-o", features], check=True, capture_output=True)
        ours = np.load(features)
        images = as_input(pixels / 255, meta).transpose(0, 3, 1, 2).astype(np.float32)
        theirs = session.run(["features"], {"images": images})[0]
        difference = np.abs(ours - theirs).max() / np.abs(ours).max()
        assert ours.shape == theirs.shape and difference < 1e-4, (model, ours.shape, theirs.shape, difference)
        print(f"{model} {' '.join(half)}: {difference:.1e}")
