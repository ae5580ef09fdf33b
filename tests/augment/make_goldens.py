"""Writes golden/transforms.bin and golden/draws.txt: what torchvision, Pillow and lightly make and draw.

transforms.bin (little endian): the number of pictures, each as width, height, channels (int32) and its bytes; then the
number of cases, each as a name (16 bytes), 16 parameters (float64), the picture's index, width, height, channels, bytes
a value (int32) and the values. draws.txt: a line a histogram, its name and the counts.

Needs torch, torchvision, Pillow, numpy and lightly: python make_goldens.py
"""
import math
import os
import random
import struct

import numpy as np
import torch
from lightly.transforms.gaussian_blur import GaussianBlur as LightlyBlur
from lightly.transforms.solarize import RandomSolarization
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import functional as F

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
rng = np.random.default_rng(7)


def picture(width, height, channels):
    """Waves of several lengths and some noise, with saturated places at both ends."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 120 * np.sin(x * (0.21 + 0.17 * c) + c) * np.cos(y * (0.33 - 0.06 * c)) for c in range(channels)]
    a = np.stack(planes, -1) + rng.normal(0, 40, (height, width, channels))
    a = np.clip(a, 0, 255).astype(np.uint8)
    return Image.fromarray(a if channels == 3 else a[..., 0])


def every_colour():
    """Colours of all hues, saturations and values, grey and nearly grey ones among them."""
    level = [0, 1, 37, 100, 127, 128, 200, 254, 255]
    a = [(r, g, b) for r in level for g in level for b in level]
    return Image.fromarray(np.array(a, np.uint8).reshape(27, 27, 3))


images = [picture(32, 32, 3), picture(37, 23, 3), picture(37, 23, 1), picture(1, 1, 3), picture(1, 9, 3),
          picture(70, 2, 3), picture(5, 61, 1), every_colour(), picture(53, 40, 3)]
cases = []


def add(name, parameters, index, result):
    a = np.asarray(result)
    if a.ndim == 2:
        a = a[..., None]
    cases.append((name, list(parameters), index, a))


def resizes():
    filters = [Image.BOX, Image.BILINEAR, Image.BICUBIC, Image.LANCZOS]
    mode = [T.InterpolationMode.BOX, T.InterpolationMode.BILINEAR, T.InterpolationMode.BICUBIC,
            T.InterpolationMode.LANCZOS]
    for index, size in [(0, (32, 32)), (0, (13, 21)), (1, (32, 32)), (1, (37, 11)), (1, (12, 23)), (2, (20, 31)),
                        (3, (4, 3)), (4, (5, 5)), (5, (16, 16)), (6, (7, 3)), (8, (17, 33))]:
        for k in range(4):
            add("resize", [size[0], size[1], k], index, images[index].resize(size, filters[k]))
    for index, (top, left, h, w), size in [(0, (3, 5, 20, 17), 32), (0, (0, 0, 32, 32), 32), (0, (1, 2, 9, 9), 32),
                                           (1, (4, 9, 12, 28), 16), (2, (2, 3, 19, 16), 24), (8, (10, 0, 30, 53), 24),
                                           (8, (7, 8, 24, 24), 24), (5, (0, 12, 2, 3), 16), (3, (0, 0, 1, 1), 8),
                                           (8, (0, 1, 40, 50), 8)]:
        for k in [1, 2]:
            add("crop", [left, top, w, h, size, k], index,
                F.resized_crop(images[index], top, left, h, w, [size, size], mode[k]))
    for index, shorter, size in [(0, 32, 32), (0, 36, 32), (1, 16, 16), (1, 20, 13), (2, 23, 23), (8, 24, 21), (8, 40, 40),
                                 (4, 8, 8), (5, 9, 7), (6, 12, 11), (3, 6, 5)]:
        add("test", [shorter, size], index, F.center_crop(F.resize(images[index], shorter), size))


def colours():
    for index in [2, 7, 3]:
        for factor in [0.0, 0.2, 0.73, 1.0, 1.31, 1.8]:
            factor = float(np.float32(factor))
            add("brightness", [factor], index, F.adjust_brightness(images[index], factor))
            add("contrast", [factor], index, F.adjust_contrast(images[index], factor))
            add("saturation", [factor], index, F.adjust_saturation(images[index], factor))
    for index in [0, 2, 7]:
        for factor in [-0.5, -0.2, -0.083, 0.0, 0.004, 0.11, 0.2, 0.5]:
            factor = float(np.float32(factor))
            add("hue", [factor], index, F.adjust_hue(images[index], factor))
    for index in [1, 2, 7]:
        add("gray", [], index, F.to_grayscale(images[index], 1 if images[index].mode == "L" else 3))
        for threshold in [0, 1, 100, 128, 255, 256]:
            add("solarize", [threshold], index, RandomSolarization(1.0, threshold)(images[index]))


def blurs():
    for index in [1, 2, 3, 4, 5, 6]:
        for sigma in [0.1, 0.35, 0.9, 2.0, 7.5]:
            sigma = float(np.float32(sigma))
            add("blur_box", [sigma], index, LightlyBlur(prob=1.0, sigmas=(sigma, sigma))(images[index]))
    for index in [1, 2]:
        for kernel, sigma in [(1, 0.5), (3, 0.1), (3, 0.8), (9, 1.7), (23, 2.0)]:
            sigma = float(np.float32(sigma))
            add("blur_gaussian", [kernel, sigma], index, F.gaussian_blur(images[index], kernel, [sigma, sigma]))


def turns():
    for index in [1, 2, 3, 4, 5]:
        for quarters in range(4):
            add("rotate", [quarters], index, F.rotate(images[index], 90.0 * quarters, expand=True))
        add("flip_x", [], index, F.hflip(images[index]))
        add("flip_y", [], index, F.vflip(images[index]))


def numbers():
    for index in [1, 2, 3]:
        mean, deviation = [.485, .456, .406], [.229, .224, .225]
        image = images[index]
        for flip in [0, 1]:
            turned = F.hflip(image) if flip else image
            x = F.normalize(F.to_tensor(turned.convert("RGB")), mean, deviation)
            add("normalise", [flip], index, x.permute(1, 2, 0).contiguous().numpy())


def views():
    """SimCLR's chain for chosen parameters: crop, flip, jitter in an order, grey, blur, solarize."""
    change = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
    for number in range(24):
        index = [0, 1, 2, 8][number % 4]
        image = images[index]
        size = 32
        random.seed(number), torch.manual_seed(number)
        top, left, h, w = T.RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3))
        order, *factors = T.ColorJitter.get_params((0.2, 1.8), (0.2, 1.8), (0.2, 1.8), (-0.2, 0.2))
        flip, gray, blur, solarize = [float(random.random() < p) for p in (0.5, 0.2, 0.4, 0.2)]
        sigma = float(np.float32(random.uniform(0.1, 2.0)))
        out = F.resized_crop(image, top, left, h, w, [size, size])
        out = F.hflip(out) if flip else out
        for k in order.tolist():
            out = change[k](out, factors[k])
        out = F.rgb_to_grayscale(out, len(out.getbands())) if gray else out
        out = LightlyBlur(prob=1.0, sigmas=(sigma, sigma))(out) if blur else out
        out = RandomSolarization(1.0)(out) if solarize else out
        add("view", [left, top, w, h, flip] + order.tolist() + factors + [gray + 2 * blur + 4 * solarize, sigma], index, out)


def histogram(values, low, high, bins=16):
    counts, _ = np.histogram(values, bins, (low, high))
    assert counts.sum() == len(values)
    return counts


def draws(count=60000):
    """Histograms of what torchvision draws; the bins are those of test_draws.c."""
    torch.manual_seed(1)
    lines = []
    for name, width, height, scale in [("square", 32, 32, 0.08), ("picture", 300, 200, 0.08), ("wide", 60, 30, 0.3)]:
        image = torch.empty(3, height, width)
        boxes = [T.RandomResizedCrop.get_params(image, (scale, 1.0), (3 / 4, 4 / 3)) for _ in range(count)]
        i, j, h, w = np.array(boxes).T
        lines += [(name + "_area", histogram(w * h / (width * height), 0, 1.05)),
                  (name + "_ratio", histogram(np.log(w / h), -0.6, 0.6)),
                  (name + "_left", histogram(j / width, 0, 1)),
                  (name + "_top", histogram(i / height, 0, 1)),
                  (name + "_width", histogram(w / width, 0, 1.01))]
    jitter = [T.ColorJitter.get_params((0.2, 1.8), (0.2, 1.8), (0.2, 1.8), (-0.2, 0.2)) for _ in range(count)]
    place = np.array([j[0].tolist() for j in jitter])
    lines.append(("order", histogram(place[:, 0] * 64 + place[:, 1] * 16 + place[:, 2] * 4 + place[:, 3], 0, 256, 256)))
    for k, name in enumerate(["brightness", "contrast", "saturation"]):
        lines.append((name, histogram([j[1 + k] for j in jitter], 0.2, 1.8)))
    lines.append(("hue", histogram([j[4] for j in jitter], -0.2, 0.2)))
    with open(os.path.join(HERE, "draws.txt"), "w") as file:
        for name, counts in lines:
            file.write(name + " " + " ".join(map(str, counts)) + "\n")


def main():
    for make in [resizes, colours, blurs, turns, numbers, views]:
        make()
    with open(os.path.join(HERE, "transforms.bin"), "wb") as file:
        file.write(struct.pack("<i", len(images)))
        for image in images:
            a = np.asarray(image)
            file.write(struct.pack("<iii", image.width, image.height, len(image.getbands())) + a.tobytes())
        file.write(struct.pack("<i", len(cases)))
        for name, parameters, index, a in cases:
            padded = parameters + [0.0] * (16 - len(parameters))
            file.write(name.encode().ljust(16, b"\0") + struct.pack("<16d", *padded))
            file.write(struct.pack("<iiiii", index, a.shape[1], a.shape[0], a.shape[2], a.itemsize) + a.tobytes())
    draws()


main()
