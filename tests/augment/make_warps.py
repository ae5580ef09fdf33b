"""Writes golden/warps.bin and golden/homographies.txt: what scikit-image and OpenCV make of warps, of changes of hue,
saturation and value, and NumPy of principal components.

warps.bin has the format of transforms.bin (make_goldens.py). Its cases: "warp" with the matrix, whether the border is
constant and the grey it has; "hsv" with the hue's turn and power, factor and offset of saturation and value;
"components" with three factors, of the picture's own components. homographies.txt: a line a case, from OpenCV's
getPerspectiveTransform: four points x y, the four that they go to, the nine elements.

Needs numpy, scikit-image, opencv-python-headless: python make_warps.py
"""
import os
import struct

import cv2
import numpy as np
from skimage import color, transform

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
rng = np.random.default_rng(11)


def picture(width, height, channels):
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 120 * np.sin(x * (0.21 + 0.17 * c) + c) * np.cos(y * (0.33 - 0.06 * c)) for c in range(channels)]
    a = np.stack(planes, -1) + rng.normal(0, 40, (height, width, channels))
    return np.clip(a, 0, 255).astype(np.uint8)


def every_colour():
    level = [0, 1, 37, 100, 127, 128, 200, 254, 255]
    return np.array([(r, g, b) for r in level for g in level for b in level], np.uint8).reshape(27, 27, 3)


images = [picture(32, 32, 3), picture(37, 23, 3), picture(37, 23, 1), picture(1, 1, 3), picture(9, 1, 1),
          every_colour(), picture(140, 20, 3)]
cases = []


def add(name, parameters, index, a):
    cases.append((name, [float(p) for p in parameters], index, np.asarray(a)))


def rounded(a):
    return np.floor(np.clip(a, 0, 255) + 0.5).astype(np.uint8)


def warp(index, to_source, width, height, constant, gray):
    """to_source counts from a picture's corner; scikit-image's from the first pixel's centre."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    inner = np.linalg.inv(half) @ to_source @ half
    a = transform.warp(images[index].astype(np.float64), transform.ProjectiveTransform(inner), output_shape=(height, width),
                       order=1, mode="constant" if constant else "symmetric", cval=gray, preserve_range=True)
    add("warp", list(to_source.ravel()) + [constant, gray], index, rounded(a))


def affine(angle, translation, scale, shear, centre):
    c, s = np.cos(angle), np.sin(angle)
    inner = scale * np.array([[c, -np.sin(angle + shear)], [s, np.cos(angle + shear)]])
    m = np.eye(3)
    m[:2, :2] = inner
    m[:2, 2] = np.array(centre) + translation - inner @ centre
    return m


def warps():
    for index in range(len(images)):
        height, width = images[index].shape[:2]
        centre = np.array([width / 2, height / 2])
        for k in range(6):
            side = rng.uniform(-0.2, 0.2, 2) * [width, height]
            m = affine(rng.uniform(-np.pi, np.pi), side, rng.uniform(0.6, 1.6), rng.uniform(-0.5, 0.5), centre)
            if k % 2:
                m[2, :2] = rng.uniform(-0.3, 0.3, 2) / [width, height]
            constant = k // 2 % 2 if index != 3 else 0  # scikit-image takes one pixel as constant itself
            warp(index, m, width + k, height, constant, [0, 128, 255][k % 3])
        warp(index, np.eye(3), width, height, index % 2 if index != 3 else 0, 7)
        warp(index, affine(np.pi / 2, 0, 1, 0, centre), width, height, 0, 0)


def hsvs():
    for index in [0, 1, 5]:
        for _ in range(4):
            hue = np.float32(rng.uniform(-0.1, 0.1))
            change = np.float32(np.concatenate([[2 ** rng.uniform(-2, 2), rng.uniform(0.7, 1.4), rng.uniform(-0.1, 0.1)]
                                                for _ in range(2)]))
            hsv = color.rgb2hsv(images[index])
            hsv[..., 0] = (hsv[..., 0] + hue) % 1.0
            for k in range(2):
                power, factor, offset = change[3 * k:3 * k + 3].astype(np.float64)
                hsv[..., 1 + k] = np.clip(factor * hsv[..., 1 + k] ** power + offset, 0, 1)
            add("hsv", [hue, *change], index, rounded(255 * color.hsv2rgb(hsv)))


def components():
    for index in [0, 1, 6]:
        pixels = images[index].reshape(-1, 3).astype(np.float64)
        mean = pixels.mean(0)
        values, vectors = np.linalg.eigh(np.cov(pixels.T, bias=True))
        vectors = vectors[:, ::-1]
        for _ in range(3):
            factors = np.float32(2 ** rng.uniform(-1, 1, 3))
            changed = mean + ((pixels - mean) @ vectors * factors) @ vectors.T
            add("components", [*factors, *np.sqrt(values[::-1])], index, rounded(changed).reshape(images[index].shape))


def homographies():
    with open(os.path.join(HERE, "homographies.txt"), "w") as file:
        for side in [2, 32, 96, 4000]:
            for _ in range(8):
                square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
                ends = [(square + rng.uniform(-0.2, 0.2, (4, 2)) * side).astype(np.float32) for _ in range(2)]
                ends[1] = np.roll(ends[1], rng.integers(4), 0)
                matrix = cv2.getPerspectiveTransform(ends[0], ends[1])
                numbers = [repr(float(v)) for a in [*ends, matrix] for v in np.asarray(a).ravel()]
                file.write(" ".join(numbers) + "\n")


def main():
    for make in [warps, hsvs, components, homographies]:
        make()
    with open(os.path.join(HERE, "warps.bin"), "wb") as file:
        file.write(struct.pack("<i", len(images)))
        for a in images:
            file.write(struct.pack("<iii", a.shape[1], a.shape[0], a.shape[2]) + a.tobytes())
        file.write(struct.pack("<i", len(cases)))
        for name, parameters, index, a in cases:
            file.write(name.encode().ljust(16, b"\0") + struct.pack("<16d", *(parameters + [0.0] * (16 - len(parameters)))))
            file.write(struct.pack("<iiiii", index, a.shape[1], a.shape[0], a.shape[2], 1) + a.tobytes())


main()
