"""Super-resolution: PSNR and SSIM from scikit-image, the generator from PyTorch in float64, views from Pillow.

Run: python make_superres.py
"""

import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "engine", "golden"))
import support  # noqa: E402

g = torch.Generator().manual_seed(11)
rng = np.random.default_rng(3)
here = os.path.dirname(os.path.abspath(__file__))


def smooth(height, width, channels):
    """Waves, an edge and some noise in 0..1."""
    y, x = np.mgrid[0:height, 0:width] / 8.0
    planes = [0.5 + 0.3 * np.sin((1 + c) * x + 2 * y + c) + 0.15 * (x + y > 3 + c) for c in range(channels)]
    return np.clip(np.stack(planes, -1) + 0.03 * rng.normal(size=(height, width, channels)), 0, 1).astype(np.float32)


def quality(height, width, channels, noise, data_range=1.0):
    """Two pictures and what they have in common; double precision from the float32 numbers."""
    a = smooth(height, width, channels)
    b = np.clip(a + noise * rng.normal(size=a.shape), 0, 1).astype(np.float32)
    a, b = (a * np.float32(data_range)), (b * np.float32(data_range))
    case = {"a": a, "b": b}
    x, y = a.astype(np.float64), b.astype(np.float64)
    case["psnr"] = [peak_signal_noise_ratio(x, y, data_range=data_range)]
    case["uniform"] = [structural_similarity(x, y, data_range=data_range, channel_axis=2)]
    case["gaussian"] = [structural_similarity(x, y, data_range=data_range, channel_axis=2, gaussian_weights=True,
                                              sigma=1.5, use_sample_covariance=False)]
    if channels == 3:  # MATLAB's rgb2ycbcr of 0..1, with its documented coefficients
        case["luma"] = (16 + x @ np.array([65.481, 128.553, 24.966])) / 255
    return case


class Generator:
    """SRResNet with parameters drawn as they are met; batch norm in training."""

    def __init__(self):
        self.arrays, self.leaves = {}, {}

    def parameter(self, name, *shape, scale=0.3, offset=0.0):
        value = (offset + scale * torch.randn(*shape, generator=g, dtype=torch.float64)).float().double()
        self.leaves[name] = value.requires_grad_()
        self.arrays["parameter.generator." + name] = value
        return value

    def convolution(self, name, x, channels, kernel, bias):
        weight = self.parameter(name + ".weight", channels, x.shape[1], kernel, kernel,
                                scale=(x.shape[1] * kernel * kernel) ** -0.5)
        return F.conv2d(x, weight, self.parameter(name + ".bias", channels) if bias else None, padding=kernel // 2)

    def norm(self, name, x):
        weight = self.parameter(name + ".weight", x.shape[1], offset=1.0)
        return F.batch_norm(x, None, None, weight, self.parameter(name + ".bias", x.shape[1]), True)

    def prelu(self, name, x):
        return F.prelu(x, self.parameter(name + ".weight", x.shape[1], scale=0.1, offset=0.25))

    def __call__(self, low, blocks, channels):
        first = self.prelu("prelu1", self.convolution("conv1", low, channels, 9, True))
        x = first
        for i in range(blocks):
            name = f"block{i + 1}."
            y = self.norm(name + "bn1", self.convolution(name + "conv1", x, channels, 3, False))
            y = self.prelu(name + "prelu", y)
            x = x + self.norm(name + "bn2", self.convolution(name + "conv2", y, channels, 3, False))
        x = first + self.norm("bn2", self.convolution("conv2", x, channels, 3, False))
        for i in range(2):
            x = F.pixel_shuffle(self.convolution(f"enlarge{i + 1}.conv", x, 4 * channels, 3, True), 2)
            x = self.prelu(f"enlarge{i + 1}.prelu", x)
        return self.convolution("conv3", x, 3, 9, True)


def generator():
    network = Generator()
    low = torch.rand(2, 5, 4, 3, generator=g, dtype=torch.float64).float().double().requires_grad_()
    high = network(low.permute(0, 3, 1, 2), 2, 3).permute(0, 2, 3, 1)
    weight = torch.randn(high.shape, generator=g, dtype=torch.float64).float().double()
    (weight * high).sum().backward()
    case = {"input0": low, "output": high, "weight": weight, "gradient.input0": low.grad, **network.arrays}
    for name, leaf in network.leaves.items():
        case["gradient.generator." + name] = leaf.grad
    return case


def views():
    """The centre of a picture, reduced to 24 px, to 6 px, and enlarged again, all in 8 bits, in that order."""
    pixels = (255 * smooth(28, 37, 3)).astype(np.uint8)
    high = Image.fromarray(pixels).crop((4, 0, 32, 28)).resize((24, 24), Image.BICUBIC)
    low = high.resize((6, 6), Image.BICUBIC)
    bicubic = low.resize((24, 24), Image.BICUBIC)
    with open(os.path.join(here, "superres_views.bin"), "wb") as file:
        for picture in (pixels, high, low, bicubic):
            np.asarray(picture).tofile(file)


views()
support.write_goldens(os.path.join(here, "superres"), {
    "grey": quality(20, 17, 1, 0.05),
    "colour": quality(16, 23, 3, 0.15),
    "bytes": quality(19, 19, 3, 0.02, 255.0),
    "smallest": quality(11, 11, 1, 0.3),
    "generator": generator(),
})
