"""A client that speaks as the nnInteractive module of 3D Slicer (0.x) does, built from the description of its traffic.

Reads one job (JSON) from standard input: a list of steps, each an interaction or the upload of a segment. Every answer is
unpacked as in the module and saved as a .npy file; what was sent is printed with what came back (JSON).
"""

import gzip
import io
import json
import os
import sys

import numpy as np
import requests


class Client:
    def __init__(self, job, volume):
        self.server = job["base"].rstrip("/")
        self.volume = volume
        self.mask = None

    def upload_image(self):
        buffer = io.BytesIO()
        np.save(buffer, self.volume)
        files = {"file": ("volume.npy", buffer.getvalue(), "application/octet-stream")}
        return requests.post(f"{self.server}/upload_image", files=files)

    @staticmethod
    def compressed(mask):
        buffer = io.BytesIO()
        np.save(buffer, mask)
        return {"file": ("volume.npy.gz", gzip.compress(buffer.getvalue()), "application/octet-stream")}

    def upload_segment(self, mask):
        # the header belongs to the file in the form, and is sent with the form
        return requests.post(
            f"{self.server}/upload_segment", files=self.compressed(mask.astype(bool)), headers={"Content-Encoding": "gzip"}
        )

    def interact(self, step):
        kind, positive = step["kind"], step["positive"]
        url = f"{self.server}/add_{kind}_interaction"
        if kind == "point":
            return requests.post(url, json={"voxel_coord": step["at"][::-1], "positive_click": positive})
        if kind == "bbox":
            one, two = step["corners"]
            body = {"outer_point_one": one[::-1], "outer_point_two": two[::-1], "positive_click": positive}
            return requests.post(url, json=body)
        mask = np.zeros(self.volume.shape[:3], np.uint8)
        for k, y0, y1, x0, x1 in step["areas"]:
            mask[k, y0:y1, x0:x1] = 1
        return requests.post(
            url,
            files=self.compressed(mask),
            data={"positive_click": str(positive)},
            headers={"Content-Encoding": "gzip"},
        )

    def unpacked(self, content):
        bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8))
        count = int(np.prod(self.volume.shape[:3]))
        assert len(content) == (count + 7) // 8, "the answer has another length"
        return bits[:count].reshape(self.volume.shape[:3]).astype(np.uint8)


def main():
    job = json.load(sys.stdin)
    raw = np.fromfile(os.path.join(job["folder"], "volume.raw"), dtype=job["dtype"])
    client = Client(job, raw.reshape(job["shape"]))
    report = []
    for number, step in enumerate(job["steps"]):
        if step["kind"] == "image":
            answer = client.upload_image()
        elif step["kind"] == "segment":
            mask = np.zeros(client.volume.shape[:3], bool)
            if step.get("of") is not None:
                mask = np.load(os.path.join(job["folder"], f"{step['of']}.npy")).astype(bool)
            for k, y0, y1, x0, x1 in step.get("areas", []):
                mask[k, y0:y1, x0:x1] = step.get("value", True)
            answer = client.upload_segment(mask)
        else:
            answer = client.interact(step)
        entry = {"status": answer.status_code, "type": answer.headers["Content-Type"]}
        if "json" in entry["type"]:
            entry["body"] = answer.json()
        else:
            entry["encoding"] = answer.headers.get("Content-Encoding")
            np.save(os.path.join(job["folder"], f"{number}.npy"), client.unpacked(answer.content))
        report.append(entry)
    print(json.dumps(report))


main()
