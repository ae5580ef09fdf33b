"""Writes golden/: what torchvision's FCOS makes of given boxes and given answers of a head.

fcos_boxes.npy (M, 6): picture, class, left, top, right, bottom. fcos_answers.npy (PICTURES x places, CLASSES + 5): logits, distances
of the edges in strides, the centreness's logit. fcos_gradients.npy: the loss's, of the same. fcos_targets.npy (PICTURES x places,
CLASSES + 5): classes, distances (0 without an object), centreness. fcos_figures.npy (1, 1): the loss. fcos_found.npy (K, 7): picture,
class, score, box.
"""

import os
from types import SimpleNamespace

import numpy as np
import torch
from torchvision.models.detection.fcos import FCOS, FCOSHead

SIZE, STRIDES, CLASSES, PICTURES = 64, (8, 16, 32), 4, 3


def anchors():
    levels = []
    for stride in STRIDES:
        at = (torch.arange(SIZE // stride) + 0.5) * stride
        y, x = torch.meshgrid(at, at, indexing="ij")
        centre = torch.stack([x, y], -1).reshape(-1, 2)
        levels.append(torch.cat([centre - stride / 2, centre + stride / 2], 1))
    return levels


def draw(g):
    targets = []
    for count in (3, 5, 0):  # the last picture is empty
        corner, size = torch.rand(count, 2, generator=g) * 30, 6 + torch.rand(count, 2, generator=g) * 50
        boxes = torch.cat([corner, (corner + size).clamp(max=SIZE)], 1)
        targets.append({"boxes": boxes, "labels": torch.randint(0, CLASSES, (count,), generator=g)})
    return targets


def assigned(head, targets, levels, idxs):
    """What compute_loss compares with, read where it reads it."""
    place = torch.cat(levels)
    out = torch.zeros(PICTURES, len(place), CLASSES + 5)
    for i, (target, match) in enumerate(zip(targets, idxs)):
        seen = match >= 0
        out[i, seen, target["labels"][match[seen]]] = 1
        distances = head.box_coder.encode(place[seen], target["boxes"][match[seen]])
        out[i, seen, CLASSES:CLASSES + 4] = distances
        pairs = [distances[:, [0, 2]], distances[:, [1, 3]]]
        out[i, seen, -1] = torch.stack([p.min(1)[0] / p.max(1)[0] for p in pairs]).prod(0).sqrt()
    return out


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    g = torch.Generator().manual_seed(4)
    targets, levels = draw(g), anchors()
    places = sum(len(level) for level in levels)
    logits = (torch.randn(PICTURES, places, CLASSES, generator=g) * 2 - 2).requires_grad_()
    distances = (torch.rand(PICTURES, places, 4, generator=g) * 3 + 0.1).requires_grad_()
    centreness = torch.randn(PICTURES, places, 1, generator=g).requires_grad_()

    head = FCOSHead(32, 1, CLASSES)
    kept = {}
    compute = head.compute_loss

    def remember(targets, outputs, anchors, idxs):
        kept["idxs"] = idxs
        return compute(targets, outputs, anchors, idxs)

    head.compute_loss = remember
    detector = SimpleNamespace(head=head, box_coder=head.box_coder, center_sampling_radius=1.5, score_thresh=0.05,
                               topk_candidates=1000, nms_thresh=0.6, detections_per_img=100)
    losses = FCOS.compute_loss(detector, targets,
                               {"cls_logits": logits, "bbox_regression": distances, "bbox_ctrness": centreness},
                               [torch.cat(levels)] * PICTURES, [len(level) for level in levels])
    loss = sum(losses.values())
    loss.backward()
    print({k: round(v.item(), 4) for k, v in losses.items()}, [(i >= 0).sum().item() for i in kept["idxs"]])

    split = lambda x: list(x.detach().split([len(level) for level in levels], 1))
    found = FCOS.postprocess_detections(
        detector, {"cls_logits": split(logits), "bbox_regression": split(distances), "bbox_ctrness": split(centreness)},
        [levels] * PICTURES, [(SIZE, SIZE)] * PICTURES)

    rows = lambda *parts: torch.cat([p.detach() for p in parts], 2).reshape(-1, CLASSES + 5).numpy()
    np.save(f"{folder}/fcos_boxes.npy", np.concatenate(
        [np.column_stack([np.full(len(t["labels"]), i), t["labels"], t["boxes"]]) for i, t in enumerate(targets)]).astype(np.float32))
    np.save(f"{folder}/fcos_answers.npy", rows(logits, distances, centreness))
    np.save(f"{folder}/fcos_gradients.npy", rows(logits.grad, distances.grad, centreness.grad))
    np.save(f"{folder}/fcos_targets.npy", assigned(head, targets, levels, kept["idxs"]).reshape(-1, CLASSES + 5).numpy())
    np.save(f"{folder}/fcos_figures.npy", np.array([[loss.item()]], np.float32))
    np.save(f"{folder}/fcos_found.npy", np.concatenate(
        [np.column_stack([np.full(len(f["labels"]), i), f["labels"], f["scores"], f["boxes"]]) for i, f in enumerate(found)]).astype(np.float32))


if __name__ == "__main__":
    main()
