"""Writes golden/: boxes and their average precision, COCO's by pycocotools, VOC's by the devkit's definition in NumPy.

true_boxes.npy (N, 7): picture, class, left, top, right, bottom, ignored. found_boxes.npy (M, 7): picture, class, left, top,
right, bottom, score. detection.npy (1, 5 + CLASSES): voc_ap50, voc07_ap50, ap, ap50, ap75, then voc_ap50 of each class.
"""

import contextlib
import io
import os

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

PICTURES, CLASSES = 23, 5  # class 4 has no box that is not ignored


def draw(random):
    truth, found = [], []
    for picture in range(PICTURES - 1):  # the last one is empty
        for _ in range(random.integers(0, 7)):
            label = random.integers(0, 4)
            left, top = random.uniform(0, 60, 2)
            width, height = random.uniform(8, 40, 2)
            ignored = random.random() < 0.2
            truth.append([picture, label, left, top, left + width, top + height, ignored])
            for _ in range(random.integers(0, 4)):  # found, more or less, perhaps twice, perhaps as another class
                shift = random.normal(0, 0.12, 4) * [width, height, width, height]
                seen = label if random.random() < 0.85 else random.integers(0, 5)
                score = np.round(random.beta(4, 2), 2)  # equal scores happen
                found.append([picture, seen, *(np.array(truth[-1][2:6]) + shift), score])
    truth.append([3, 4, 5, 5, 30, 30, True])
    for _ in range(150):  # nothing there; one picture has more than a hundred of a class
        left, top = random.uniform(0, 60, 2)
        found.append([7, 1, left, top, left + 20, top + 20, np.round(random.beta(2, 4), 2)])
    found = np.array(found, np.float32)[random.permutation(len(found))]
    return np.array(truth, np.float32), found[found[:, 0].argsort(kind="stable")]  # cocoeval takes equals by picture


def coco(truth, found):
    """Of what is ignored COCO's files only know crowds; their flag is set after its preparation instead."""
    data = {
        "images": [{"id": i} for i in range(PICTURES)],
        "categories": [{"id": c} for c in range(CLASSES)],
        "annotations": [
            {"id": i + 1, "image_id": int(t[0]), "category_id": int(t[1]), "iscrowd": 0,
             "bbox": [t[2], t[3], t[4] - t[2], t[5] - t[3]], "area": (t[4] - t[2]) * (t[5] - t[3]), "hidden": bool(t[6])}
            for i, t in enumerate(truth.astype(float))
        ],
    }
    boxes = [{"image_id": int(f[0]), "category_id": int(f[1]), "bbox": [f[2], f[3], f[4] - f[2], f[5] - f[3]],
              "score": f[6]} for f in found.astype(float)]
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = data
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(boxes), "bbox")
        prepare = evaluation._prepare

        def prepare_ignored():
            prepare()
            for boxes_there in evaluation._gts.values():
                for box in boxes_there:
                    box["ignore"] = box["hidden"]

        evaluation._prepare = prepare_ignored
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0, -1]  # (thresholds, recalls, classes), -1: no boxes
    mean = lambda p: p[p > -1].mean() * 100
    return mean(precision), mean(precision[0]), mean(precision[5])


def overlap(box, boxes):
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    both = np.prod(np.maximum(high - low, 0), 1)
    return both / (np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], 1) - both)


def voc(truth, found, label):
    """VOCevaldet of the devkit: (average precision, that of 2007)."""
    truth, found = truth[truth[:, 1] == label].astype(float), found[found[:, 1] == label].astype(float)
    wanted = (truth[:, 6] == 0).sum()
    if not wanted:
        return np.nan, np.nan
    found = found[np.argsort(-found[:, 6], kind="stable")]
    taken = np.zeros(len(truth), bool)
    right, wrong = np.zeros(len(found)), np.zeros(len(found))
    for i, box in enumerate(found):
        there = np.flatnonzero(truth[:, 0] == box[0])
        iou = overlap(box[2:6], truth[there, 2:6]) if len(there) else np.array([-1.0])
        if iou.max() < 0.5:
            wrong[i] = 1
            continue
        best = there[iou.argmax()]
        if truth[best, 6]:
            continue
        right[i], wrong[i] = not taken[best], taken[best]
        taken[best] = True
    right, wrong = right.cumsum(), wrong.cumsum()
    recall, precision = right / wanted, right / np.maximum(right + wrong, 1)
    eleven = np.mean([precision[recall >= i * 0.1].max(initial=0) for i in range(11)])
    recall = np.concatenate([[0], recall, [1]])
    precision = np.concatenate([[0], precision, [0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return ((recall[steps] - recall[steps - 1]) * envelope[steps]).sum(), eleven


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    truth, found = draw(np.random.default_rng(5))
    classes = np.array([voc(truth, found, label) for label in range(CLASSES)]) * 100
    figures = [*np.nanmean(classes, 0), *coco(truth, found), *classes[:, 0]]
    print(np.round(figures, 3), len(truth), len(found))
    np.save(f"{folder}/true_boxes.npy", truth)
    np.save(f"{folder}/found_boxes.npy", found)
    np.save(f"{folder}/detection.npy", np.array([figures], np.float32))


if __name__ == "__main__":
    main()
