"""Makes golden/images: small pictures of every kind, and beside each NAME what PIL reads from it, NAME.rgb
(width and height as two little-endian 16-bit numbers, then RGB bytes), orientation applied, alpha dropped.

    python make_images.py

Made with Pillow 13.0 (libjpeg-turbo 3.2, libwebp 1.6) and NumPy."""
import io, os, struct, zlib
import numpy as np
from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "images")
W, H = 27, 19


def picture(w=W, h=H):
    """Smooth colours with some edges and noise."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([x * 255 / (w - 1), y * 255 / (h - 1), 127 + 120 * np.sin(x / 3.0) * np.cos(y / 4.0)], -1)
    a[h // 3 : h // 2, w // 4 : w // 2] = (230, 30, 60)
    return Image.fromarray(np.clip(a + rng.normal(0, 6, a.shape), 0, 255).astype(np.uint8))


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)


def expect(name, image):
    image = image.convert("RGB")
    write(name + ".rgb", struct.pack("<HH", *image.size) + image.tobytes())


def save(name, image, expected=None, **options):
    image.save(os.path.join(OUT, name), **options)
    if expected is None:
        expected = ImageOps.exif_transpose(Image.open(os.path.join(OUT, name)))
    expect(name, expected)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array, colour_type, bits, interlace=0):
    """A PNG of rows of raw bytes, for what PIL does not write."""
    rows = b"".join(b"\0" + r.tobytes() for r in array)
    h, w = array.shape[:2]
    head = struct.pack(">IIBBBBB", w, h, bits, colour_type, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmp(rows, w, h, bits, compression=0, masks=b"", palette=b"", header=40):
    if header == 12:
        head = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", 40, w, h, 1, bits, compression, len(rows), 2835, 2835, 0, 0)
    offset = 14 + len(head) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + head + masks + palette + rows


def padded(row):
    return row + b"\0" * (-len(row) % 4)


def main():
    os.makedirs(OUT, exist_ok=True)
    for name in os.listdir(OUT):
        os.remove(os.path.join(OUT, name))
    p = picture()
    a = np.asarray(p)
    grey = p.convert("L")
    rng = np.random.default_rng(5)
    alpha = Image.fromarray(rng.integers(0, 256, (H, W), dtype=np.uint8))
    rgba = p.copy()
    rgba.putalpha(alpha)

    # JPEG
    for sampling, number in (("444", 0), ("422", 1), ("420", 2)):
        save(f"rgb{sampling}.jpg", p, quality=90, subsampling=number)
    save("progressive.jpg", p, quality=80, progressive=True)
    save("grey.jpg", grey, quality=85)
    save("cmyk.jpg", p.convert("CMYK"), quality=95)
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        save(f"exif{orientation}.jpg", p, quality=90, exif=exif)

    # PNG
    save("rgb.png", p)
    save("grey.png", grey)
    save("bits1.png", p.convert("1"))
    save("palette.png", p.quantize(40))
    save("palette4bit.png", p.quantize(11), bits=4)
    save("palette_alpha.png", p.quantize(16), transparency=3)
    save("grey_alpha.png", Image.merge("LA", (grey, alpha)))
    save("rgba.png", rgba)
    exif[0x0112] = 6
    save("exif6.png", p, exif=exif)
    wide = (a.astype(np.uint16) * 256 + rng.integers(0, 256, a.shape)).astype(">u2")
    write("rgb16.png", png(wide, 2, 16))
    expect("rgb16.png", Image.fromarray((wide >> 8).astype(np.uint8)))
    write("grey16.png", png(wide[:, :, 0], 0, 16))
    expect("grey16.png", Image.fromarray((wide[:, :, 0] >> 8).astype(np.uint8)))

    # WebP
    save("lossy.webp", p, quality=80)
    save("lossless.webp", p, lossless=True)
    save("alpha.webp", rgba, lossless=True, exact=True)
    exif[0x0112] = 8
    save("exif8.webp", p, lossless=True, exif=exif)

    # BMP
    save("rgb.bmp", p)
    save("palette8.bmp", p.quantize(200))
    save("bits1.bmp", p.convert("1"))
    rows = [padded(r[:, ::-1].tobytes()) for r in a]
    write("top_down.bmp", bmp(b"".join(rows), W, -H, 24))
    expect("top_down.bmp", p)
    write("core.bmp", bmp(b"".join(rows[::-1]), W, H, 24, header=12))
    expect("core.bmp", p)
    four = np.asarray(p.quantize(16))
    colours = np.array(p.quantize(16).getpalette(), np.uint8).reshape(-1, 3)
    colours = np.vstack([colours, np.zeros((16, 3), np.uint8)])[:16]
    palette = b"".join(bytes((b, g, r, 0)) for r, g, b in colours)
    wide4 = np.pad(four, ((0, 0), (0, W % 2)))
    packed = (wide4[:, 0::2] << 4 | wide4[:, 1::2]).astype(np.uint8)
    write("palette4.bmp", bmp(b"".join(padded(r.tobytes()) for r in packed[::-1]), W, H, 4, palette=palette))
    expect("palette4.bmp", Image.fromarray(colours[four]))
    value = (a[:, :, 0].astype(np.uint16) >> 3) << 11 | (a[:, :, 1].astype(np.uint16) >> 2) << 5 | a[:, :, 2] >> 3
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    write("bits16.bmp", bmp(b"".join(padded(r.astype("<u2").tobytes()) for r in value[::-1]), W, H, 16, 3, masks))
    scaled = np.stack([np.floor((value >> 11) * 255 / 31 + 0.5), np.floor((value >> 5 & 63) * 255 / 63 + 0.5),
                       np.floor((value & 31) * 255 / 31 + 0.5)], -1)
    expect("bits16.bmp", Image.fromarray(scaled.astype(np.uint8)))
    bgra = np.dstack([a[:, :, ::-1], np.asarray(alpha)])
    write("bits32.bmp", bmp(b"".join(r.tobytes() for r in bgra[::-1]), W, H, 32))
    expect("bits32.bmp", p)

    # PGM, PPM
    save("raw.ppm", p)
    save("raw.pgm", grey)
    text = " ".join(str(v) for v in a.reshape(-1))
    write("plain.ppm", f"P3\n# a comment\n{W} {H}\n255\n{text}\n".encode())
    expect("plain.ppm", p)
    small = (np.asarray(grey) // 17).astype(np.uint8)
    lines = "\n".join(" ".join(str(v) for v in r) for r in small)
    write("plain.pgm", f"P2 {W} # width\n {H} 15\n{lines}".encode())
    expect("plain.pgm", Image.fromarray(small * 17))
    write("wide.ppm", b"P6 %d %d 65535\n" % (W, H) + wide.tobytes())
    expect("wide.ppm", Image.fromarray(np.floor(wide.astype(float) * 255 / 65535 + 0.5).astype(np.uint8)))

    # What cannot be read.
    write("bad_rle.bmp", bmp(b"\0\1", W, H, 8, 1, palette=b"\0" * 1024))
    write("bad_text.png", b"this is no picture\n")
    jpeg = io.BytesIO()
    p.save(jpeg, "JPEG", quality=90)
    write("bad_cut.jpg", jpeg.getvalue()[: len(jpeg.getvalue()) - 200])
    write("bad_huge.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
          + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))
    write("bad_bits.pbm", b"P1 2 2\n1 0 0 1\n")
    frames = io.BytesIO()
    p.save(frames, "WEBP", save_all=True, append_images=[ImageOps.mirror(p)])
    write("bad_animated.webp", frames.getvalue())


main()
