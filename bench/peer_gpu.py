#!/usr/bin/env python3
"""SimCLR's training on a GPU in PyTorch at its best, for bench/gpu: channels last, bf16 autocast, torch.compile, pictures kept
on the GPU as uint8 and augmented there with torchvision's v2 transforms, a fused optimiser. Prints one JSON line: images/s
(pictures, two views each), ms a step, and the largest memory that was taken."""
import argparse
import json
import time

import torch
import torchvision
from torchvision.transforms import v2

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--arch", default="resnet18")
parser.add_argument("--size", type=int, default=32)
parser.add_argument("--batch", type=int, default=512)
parser.add_argument("--pictures", type=int, default=20000, help="made of noise: their number")
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--warm", type=int, default=20)
parser.add_argument("--no-compile", action="store_true")
args = parser.parse_args()

device = torch.device("cuda")
torch.backends.cudnn.benchmark = True
net = getattr(torchvision.models, args.arch)()
if args.size <= 64:
    net.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    net.maxpool = torch.nn.Identity()
dim = net.fc.in_features
net.fc = torch.nn.Sequential(torch.nn.Linear(dim, dim, bias=False), torch.nn.BatchNorm1d(dim), torch.nn.ReLU(inplace=True),
                             torch.nn.Linear(dim, 128, bias=False), torch.nn.BatchNorm1d(128))
net = net.to(device, memory_format=torch.channels_last)
optimizer = torch.optim.SGD(net.parameters(), lr=0.06, momentum=0.9, weight_decay=5e-4, fused=True)

# torchvision draws one set of parameters a call; drawn for pieces of the batch, as a fast user would.
view = v2.Compose([v2.RandomResizedCrop(args.size, scale=(0.08, 1.0), antialias=True), v2.RandomHorizontalFlip(),
                   v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8), v2.RandomGrayscale(0.2)] +
                  ([v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))], 0.5)] if args.size > 64 else []) +
                  [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
source = args.size if args.size <= 64 else args.size * 8 // 7
pictures = torch.randint(0, 256, (args.pictures, 3, source, source), dtype=torch.uint8, device=device)
pieces = 32


def two_views(rows):
    return torch.cat([view(part) for _ in range(2) for part in pictures[rows].chunk(pieces)])


def step(x):
    with torch.autocast("cuda", dtype=torch.bfloat16):
        z = net(x)
    z = torch.nn.functional.normalize(z.float(), dim=1)
    logits = z @ z.T / 0.5
    logits.fill_diagonal_(float("-inf"))
    n = len(z) // 2
    labels = torch.arange(2 * n, device=device).roll(n)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    return loss


run = step if args.no_compile else torch.compile(step)
order = torch.randperm(args.pictures, device=device)
for k in range(args.warm + args.steps):
    if k == args.warm:
        torch.cuda.synchronize()
        begin = time.perf_counter()
    at = k * args.batch % (args.pictures - args.batch + 1)
    x = two_views(order[at:at + args.batch]).contiguous(memory_format=torch.channels_last)
    optimizer.zero_grad(set_to_none=True)
    run(x)
    optimizer.step()
torch.cuda.synchronize()
seconds = time.perf_counter() - begin
print(json.dumps({"peer": "pytorch", "torch": torch.__version__, "arch": args.arch, "size": args.size, "batch": args.batch,
                  "images_per_s": round(args.steps * args.batch / seconds, 1), "step_ms": round(1e3 * seconds / args.steps, 2),
                  "memory_mb": round(torch.cuda.max_memory_allocated() / 1e6)}))
