"""A client that speaks as the MedSAMSlicer plug-in does, built from the description of its traffic.

Reads one job (JSON) from standard input, does the plug-in's clicks against a server, saves every downloaded array as a .npy
file beside the job's volume and prints what came back (JSON).

Every request is a one-shot call of `requests`, as in the plug-in; status codes are recorded for the test only.
"""

import io
import json
import os
import sys
import tempfile

import numpy as np
import requests

RESULT = "data/video/segs_tiny/img_data.npz"


class Client:
    def __init__(self, job):
        self.base = job["base"]
        self.generation = job["generation"]
        self.folder = job["folder"]
        self.checkpoint = job["checkpoint"]
        self.statuses = []

    def upload(self, endpoint, name, body):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(body)
            with open(path, "rb") as file:
                answer = requests.post(f"{self.base}/{endpoint}", files={"file": file})
        self.statuses.append([endpoint, answer.status_code])

    def upload_arrays(self, name, **arrays):
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        self.upload("upload", name, buffer.getvalue())

    def run(self, gts, propagate):
        form = {"checkpoint": self.checkpoint, "input": "img_data.npz", "gts": gts, "propagate": propagate}
        if self.generation in ("B2", "C1"):
            form["size"] = "tiny"
        if self.generation in ("C2", "D1", "D2"):
            form["config"] = "custom_mine.yaml" if self.generation == "C2" else "MedSAM2_tiny512.yaml"
        answer = requests.post(f"{self.base}/run_script", data=form)
        self.statuses.append(["run_script", answer.status_code])

    def download(self, name):
        answer = requests.get(f"{self.base}/download_file", data={"output": RESULT})
        self.statuses.append(["download_file", answer.status_code])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "result.npz")
            with open(path, "wb") as file:
                file.write(answer.content)
            with np.load(path, allow_pickle=False) as archive:
                segs, names = archive["segs"], archive.files
                message = str(archive["message"]) if "message" in names else None
        np.save(os.path.join(self.folder, f"{name}.npy"), segs)
        return segs, {
            "names": names,
            "dtype": segs.dtype.str,
            "shape": list(segs.shape),
            "c_order": bool(segs.flags["C_CONTIGUOUS"]),
            "labels": np.unique(segs).tolist(),
            "message": message,
        }


def read_volume(job):
    values = np.fromfile(os.path.join(job["folder"], "volume.raw"), dtype=job["dtype"])
    return values.reshape(job["shape"])


def main():
    job = json.load(sys.stdin)
    client = Client(job)
    volume = read_volume(job)
    size = volume.shape[:3]
    boxes = np.array(job["boxes"])
    start, end, slice_index = job["z_range"]
    report = {}

    if client.generation in ("B1", "C1"):
        client.upload("upload_model", "my.model.v2.pt", b"no weights")
    if client.generation == "C2":
        client.upload("upload_config", "mine.yaml", b"_target_: os.system\n")
    client.upload_arrays("img_data.npz", imgs=volume, boxes=boxes, z_range=np.array([start, end, slice_index]))
    client.run("X", "N")
    middle, report["middle"] = client.download("middle")

    # D makes its mask of zeros of the default dtype; older ones of the volume itself
    mask = np.zeros(size) if client.generation in ("D1", "D2") else np.zeros(volume.shape, volume.dtype)
    edited = middle.copy()
    x0, y0, x1, y1, label = job["edit"]
    edited[slice_index, y0:y1, x0:x1] = label
    for value in np.unique(edited)[1:]:
        mask[edited == value] = value
    client.upload_arrays("gts.npz", segs=mask)
    client.run("gts.npz", "Y")
    _, report["full"] = client.download("full")

    if client.generation in ("D1", "D2"):
        client.upload_arrays(
            "img_data.npz",
            bboxes=boxes,
            zrange=np.array([start, end]),
            points_addition=np.array(job["additions"]),
            points_subtraction=np.array(job["subtractions"]),
            img_size=np.array(size),
        )
        answer = requests.post(f"{client.base}/improve", data={"input": "img_data.npz"})
        client.statuses.append(["improve", answer.status_code])
        _, report["improved"] = client.download("improved")

    report["statuses"] = client.statuses
    print(json.dumps(report))


main()
