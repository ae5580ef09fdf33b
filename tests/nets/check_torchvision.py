"""Checks the full-width networks against torchvision's: check_torchvision.py PROGRAM [NAME...]

PROGRAM is the built nets_test_backbone. The goldens are too large to keep; they are written to a temporary folder. Among
the millions of activations of a ResNet-50 some lie within rounding of a ReLU's kink, whichever the input; its norms are
moved away from there.
"""

import subprocess
import sys
import tempfile

from make_goldens import write_case

CASES = {"resnet18": ("resnet18", 64, 64, False), "resnet18_small": ("resnet18", 64, 32, True),
         "resnet34": ("resnet34", 64, 64, False), "resnet50": ("resnet50", 64, 96, False, 3.5),
         "resnet50_small": ("resnet50", 64, 16, True, 4.0), "alexnet": ("alexnet", 64, 127, False),
         "vgg11_bn": ("vgg11_bn", 64, 64, False), "vgg16": ("vgg16", 64, 64, False)}

if __name__ == "__main__":
    program, names = sys.argv[1], sys.argv[2:] or list(CASES)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            write_case(folder, name, *CASES[name])
        sys.exit(subprocess.run([program, *(f"{folder}/{name}" for name in names)]).returncode)
