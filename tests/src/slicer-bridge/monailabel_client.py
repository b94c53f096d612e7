"""A client that speaks as the MONAI Label module of 3D Slicer does when it segments by points, built from the description of
its traffic: fixed boundary, full paths as file names, answers read as a form of which the file's ending chooses the reader.

Reads one job (JSON) from standard input and prints what came back (JSON); the last result is saved as a .npy file.
"""

import email
import http.client
import json
import os
import sys
from urllib.parse import quote_plus, urlencode, urlparse

import numpy as np
import requests
import SimpleITK as sitk

BOUNDARY = "----------lImIt_of_THE_fIle_eW_$"


class Client:
    def __init__(self, job):
        self.url = job["base"].rstrip("/")
        self.headers = {}

    def plain(self, method, selector, body=None, content_type="application/json"):
        parsed = urlparse(self.url)
        connection = http.client.HTTPConnection(parsed.hostname, parsed.port)
        headers = dict(self.headers)
        if body is not None:
            headers.update({"content-type": content_type, "content-length": str(len(body))})
        connection.request(method, parsed.path.rstrip("/") + selector, body=body, headers=headers)
        return connection.getresponse()

    def multipart(self, method, selector, fields, files):
        lines = []
        for key, value in fields.items():
            lines += ["--" + BOUNDARY, f'Content-Disposition: form-data; name="{key}"', "", value]
        for key, name in files.items():
            lines += ["--" + BOUNDARY, f'Content-Disposition: form-data; name="{key}"; filename="{name}"']
            with open(name, "rb") as file:
                lines += ["Content-Type: application/octet-stream", "", file.read()]
        lines += ["--" + BOUNDARY + "--", ""]
        body = bytearray()
        for line in lines:
            body.extend(line if isinstance(line, bytes) else line.encode())
            body.extend(b"\r\n")
        return self.plain(method, selector, bytes(body), f"multipart/form-data; boundary={BOUNDARY}")

    def log_in(self, user, password):
        form = urlencode({"username": user, "password": password, "grant_type": "password"})
        answer = self.plain("POST", "/auth/token", form, "application/x-www-form-urlencoded")
        if answer.status == 200:
            self.headers = {"Authorization": "Bearer " + json.loads(answer.read())["access_token"]}
        return answer.status

    def create_session(self, path):
        with open(path, "rb") as file:
            answer = requests.put(
                f"{self.url}/session/",
                files=[("files", (os.path.basename(path), file))],
                data={"client_id": "user-xyz"},
                headers=self.headers,
            )
        return answer.status_code, answer.json()

    def infer(self, model, params, session=None, file=None):
        selector = f"/infer/{quote_plus(model)}?image={quote_plus('a volume')}"
        if session:
            selector += f"&session_id={quote_plus(session)}"
        params = {"client_id": "user-xyz", "result_extension": ".nrrd", "result_dtype": "uint8", **params}
        answer = self.multipart("POST", selector, {"params": json.dumps(params)}, {"file": file} if file else {})
        content = answer.read()
        kind = answer.getheader("content-type")
        if answer.status != 200 or "multipart" not in kind:
            return answer.status, json.loads(content), None
        message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
        form, files = {}, {}
        for part in message.get_payload():
            name = part.get_param("name", header="content-disposition")
            if part.get_filename():
                files[part.get_filename()] = part.get_payload(decode=True)
            else:
                form[name] = part.get_payload(decode=True).decode()
        (name, data), = files.items()
        return answer.status, json.loads(form["params"]), (name, data)


def main():
    job = json.load(sys.stdin)
    folder = job["folder"]
    client = Client(job)
    report = {}
    auth = client.plain("GET", "/auth/")
    report["auth"] = [auth.status, json.loads(auth.read())]
    if job.get("login"):
        report["login"] = client.log_in(*job["login"])
        report["valid"] = client.plain("GET", "/auth/token/valid").status
    info = client.plain("GET", "/info/")
    report["info"] = [info.status, json.loads(info.read())]
    if info.status != 200:
        print(json.dumps(report))
        return
    report["training"] = client.plain("GET", "/train/?check_if_running=true").status

    volume = np.fromfile(os.path.join(folder, "volume.raw"), dtype=job["dtype"]).reshape(job["shape"])
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing([0.7, 0.8, 2.5])
    image.SetOrigin([-11.5, 20.25, -300])
    image.SetDirection([1, 0, 0, 0, -1, 0, 0, 0, 1])
    path = os.path.join(folder, f"saved{job['ending']}")
    sitk.WriteImage(image, path)

    model = job["model"]
    report["unknown"] = client.plain("GET", "/session/00000000-0000-0000-0000-000000000000").status
    status, session = client.create_session(path)
    report["session"] = [status, sorted(session)]
    session_id = session["session_id"]
    report["known"] = client.plain("GET", f"/session/{session_id}").status
    params = {"label": job["label"], "foreground": job["foreground"], "background": job["background"]}
    status, answer, file = client.infer(model, params, session=session_id)
    report["infer"] = [status, answer, file and file[0]]
    if file:
        saved = os.path.join(folder, file[0])
        with open(saved, "wb") as target:
            target.write(file[1])
        result = sitk.ReadImage(saved)
        report["pixels"] = result.GetPixelIDTypeAsString()
        report["grid"] = [
            np.allclose(result.GetSpacing(), image.GetSpacing()),
            np.allclose(result.GetOrigin(), image.GetOrigin()),
            np.allclose(result.GetDirection(), image.GetDirection()),
        ]
        np.save(os.path.join(folder, "result.npy"), sitk.GetArrayFromImage(result))
        status, _, whole = client.infer(model, params, file=path)
        report["without session"] = [status, whole[1][-200:] == file[1][-200:]]
    status, answer, _ = client.infer(model, {**params, "foreground": []}, session=session_id)
    report["no points"] = [status, answer]
    status, answer, _ = client.infer("no such model", params, session=session_id)
    report["no model"] = [status, answer]
    report["removed"] = client.plain("DELETE", f"/session/{session_id}").status
    status, answer, _ = client.infer(model, params, session=session_id)
    report["gone"] = [status, answer]
    print(json.dumps(report))


main()
