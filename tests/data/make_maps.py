"""Makes golden/maps: maps of 13 x 7 pixels in the kinds of PNG that label and depth maps come in. The value at column x, row y
is (7 x + 13 y) modulo what the kind holds (test_dense_set.c); rgb.png is no map."""

import os

import numpy as np
from PIL import Image

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "maps")
y, x = np.mgrid[:7, :13]
values = 7 * x + 13 * y

if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    for bits, name in ((1, "palette1.png"), (2, "palette2.png"), (4, "palette4.png"), (8, "palette8.png")):
        image = Image.fromarray((values % min(2**bits, 100)).astype(np.uint8), "P")
        image.putpalette([(i * 37) % 256 for i in range(3 * 2**bits)])
        image.save(os.path.join(OUT, name), bits=bits)
    Image.fromarray((values % 100).astype(np.uint8)).save(os.path.join(OUT, "grey8.png"))
    Image.fromarray((values % 2).astype(bool)).save(os.path.join(OUT, "grey1.png"))
    Image.fromarray((values * 300).astype(np.uint16)).save(os.path.join(OUT, "grey16.png"))
    Image.fromarray(np.stack([values % 100] * 3, 2).astype(np.uint8)).save(os.path.join(OUT, "rgb.png"))
