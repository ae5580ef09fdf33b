"""Makes corpus/tar, corpus/idx and corpus/cifar: small inputs that the fuzz targets of these names begin from.
corpus/decode and corpus/map are links to the pictures and maps of tests/data.

    python make_seeds.py"""
import io, os, struct, tarfile

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(name, data):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def tar(form, members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as f:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            f.addfile(info, io.BytesIO(data))
    return out.getvalue().rstrip(b"\0") + b"\0" * 1024


picture = b"P6 2 1 255\nabcdef"
members = [("0.ppm", picture), ("0.cls", b"3\n"), ("d/1.pgm", b"P5 1 1 255\nx"), ("x" * 120 + ".ppm", picture)]
write("tar/ustar", tar(tarfile.USTAR_FORMAT, members[:3]))
write("tar/gnu", tar(tarfile.GNU_FORMAT, members))
write("tar/pax", tar(tarfile.PAX_FORMAT, members))

labels = b"\0\0\x08\x01" + struct.pack(">I", 2) + b"\0\1"
grey = b"\0\0\x08\x03" + struct.pack(">III", 2, 5, 4) + bytes(range(40))
colour = b"\0\0\x08\x04" + struct.pack(">IIII", 1, 3, 2, 3) + bytes(18)
write("idx/labelled", bytes([len(labels)]) + labels + grey)
write("idx/colour", b"\0" + colour)

for kind, name in enumerate(("cifar10", "cifar100", "stl10")):
    write("cifar/" + name, bytes([kind, 1, 0, 6]) + b"cat\ndo" + b"\1\2\3")
