"""Decodes frames with pydicom (and the decoders it finds) as an independent answer for the tests beside this file.

Reads JSON from standard input: [{"path": file, "frames": highest number of frames wanted}, ...]. Writes to the file
named by the first argument the samples of all frames, little endian, one after the other, and prints a JSON list with
dtype, shape and byte offset for each file, or the error.
"""

import json
import sys

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, pixel_array


def stored(path: str, frames: int) -> np.ndarray:
    """Stored values [frame, row, column(, 3)]: unused bits dropped, sign extended; colour as 8-bit RGB."""
    ds = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in ds.file_meta:
        explicit = open(path, "rb").read()[4:6].isupper()
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1" if explicit else "1.2.840.10008.1.2"
    total = int(ds.get("NumberOfFrames", 1) or 1)
    parts = [pixel_array(ds, index=i) for i in range(min(frames, total))]
    array = np.stack(parts)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        wide = apply_color_lut(array, ds)
        return (wide >> 8).astype(np.uint8) if wide.dtype.itemsize == 2 else wide.astype(np.uint8)
    if ds.SamplesPerPixel == 1 and ds.BitsStored < ds.BitsAllocated:
        bits = ds.BitsStored
        value = (array.astype(np.int64) >> (ds.HighBit + 1 - bits)) & ((1 << bits) - 1)
        if ds.PixelRepresentation == 1:
            value = np.where(value >= 1 << (bits - 1), value - (1 << bits), value)
        return value.astype(np.int32)
    return array


answers = []
with open(sys.argv[1], "wb") as out:
    for request in json.load(sys.stdin):
        try:
            array = np.ascontiguousarray(stored(request["path"], request["frames"]))
            array = array.astype(np.int32) if array.ndim == 3 else array.astype(np.uint8)
            answers.append({"dtype": str(array.dtype), "shape": array.shape, "offset": out.tell()})
            out.write(array.tobytes())
        except Exception as error:  # noqa: BLE001  the test decides whether a refusal is right
            answers.append({"error": f"{type(error).__name__}: {error}"[:300]})
json.dump(answers, sys.stdout)
