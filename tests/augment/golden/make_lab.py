"""Writes lab.bin beside this script: what scikit-image's rgb2lab and lab2rgb make.

Little endian: a count (int32), so many sRGB colours (3 uint8) and their Lab (3 float32); a count (int32), so many Lab
colours (3 float32), many of them outside of sRGB, and what they become (3 float32 from 0 to 255, not rounded).

Needs numpy and scikit-image: python make_lab.py
"""
import os
import warnings

import numpy as np
from skimage.color import lab2rgb, rgb2lab

warnings.filterwarnings("ignore")  # colours beyond sRGB are clipped, as they should be
rng = np.random.default_rng(11)
level = [0, 1, 5, 10, 11, 12, 40, 100, 128, 200, 254, 255]
lattice = np.array([(r, g, b) for r in level for g in level for b in level], np.uint8)
rgb = np.concatenate([lattice, rng.integers(0, 256, (1000, 3)).astype(np.uint8)])
lab = rgb2lab(rgb[None])[0].astype("<f4")
some = np.concatenate([rng.uniform([0, -110, -110], [100, 110, 110], (1500, 3)),
                       rng.uniform([0, -10, -10], [100, 10, 10], (500, 3))]).astype("<f4")
back = (lab2rgb(some[None].astype(np.float64))[0] * 255).astype("<f4")
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab.bin"), "wb") as f:
    np.int32(len(rgb)).tofile(f)
    rgb.tofile(f)
    lab.tofile(f)
    np.int32(len(some)).tofile(f)
    some.tofile(f)
    back.tofile(f)
