"""Reads segmentations with pydicom, highdicom and dcmqi, and says where they differ from what was to be written.

Standard input: JSON list of cases (see conformance.test.ts). Standard output: JSON object {name: [differences]}.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import SimpleITK

warnings.simplefilter("ignore")


class Case:
    def __init__(self, case):
        self.__dict__.update(case)
        size = self.rows * self.columns
        raw = np.fromfile(self.masks, dtype=np.uint8).reshape(-1, self.rows, self.columns)
        assert len(raw) * size == os.path.getsize(self.masks)
        # (segment number, slice) -> mask [row][column]
        self.expected = {(segment, index): mask for (segment, index), mask in zip(self.frames, raw)}
        self.slice_of = {(uid, frame): index for index, (uid, frame) in enumerate(self.sources)}
        self.numbers = sorted({segment for segment, _ in self.frames})

    def mask(self, segment, index):
        empty = np.zeros((self.rows, self.columns), np.uint8)
        return self.expected.get((segment, index), empty)


def source_of(item):
    image = item.DerivationImageSequence[0].SourceImageSequence[0]
    return image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")


def check_pydicom(case):
    dataset = pydicom.dcmread(case.seg)
    pixels = dataset.pixel_array.reshape(-1, case.rows, case.columns)
    if len(pixels) != len(dataset.PerFrameFunctionalGroupsSequence):
        yield f"pydicom: {len(pixels)} frames"
    seen = set()
    for item, frame in zip(dataset.PerFrameFunctionalGroupsSequence, pixels):
        index = case.slice_of[source_of(item)]
        if case.positions:
            position = [str(value.original_string) for value in item.PlanePositionSequence[0].ImagePositionPatient]
            if position != case.positions[index]:
                yield f"pydicom: slice {index} lies at {position}"
        if case.labelmap:
            numbers = case.numbers
            masks = [(frame == number).astype(np.uint8) for number in numbers]
        else:
            numbers = [item.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
            masks = [frame]
        for number, mask in zip(numbers, masks):
            if not np.array_equal(mask, case.mask(number, index)):
                yield f"pydicom: segment {number} differs on slice {index}"
            if mask.any():
                seen.add((number, index))
    if seen != set(case.expected):
        yield f"pydicom: {len(seen)} of {len(case.expected)} masks"


def check_highdicom(case):
    seg = highdicom.seg.segread(case.seg)
    if list(seg.segment_numbers) != case.numbers:
        yield f"highdicom: segments {list(seg.segment_numbers)}"
    by_uid = {}
    for index, (uid, frame) in enumerate(case.sources):
        by_uid.setdefault(uid, []).append((frame, index))
    # segments are asked for as labels where they are stored so: highdicom 0.28 splits labels by their lowest 8 bits
    options = {"assert_missing_frames_are_empty": True, "combine_segments": case.labelmap}
    if all(frame is None for _, frame in case.sources):
        arrays = [(range(len(case.sources)), seg.get_pixels_by_source_instance([uid for uid, _ in case.sources], **options))]
    else:
        arrays = [
            ([index for _, index in frames], seg.get_pixels_by_source_frame(uid, [frame for frame, _ in frames], **options))
            for uid, frames in by_uid.items()
        ]
    for indices, array in arrays:
        for index, planes in zip(indices, array):
            for channel, number in enumerate(case.numbers):
                mask = planes == number if case.labelmap else planes[..., channel] == 1
                if not np.array_equal(mask, case.mask(number, index) == 1):
                    yield f"highdicom: segment {number} differs on slice {index}"
    if case.volume:
        yield from check_volume(case, seg)


def check_volume(case, seg):
    volume = seg.get_volume(combine_segments=case.labelmap)
    found = set()
    for plane in range(volume.spatial_shape[0]):
        corners = volume.map_indices_to_reference(np.array([[plane, 0, 0], [plane, case.rows - 1, case.columns - 1]]))
        index = case_slice(case, corners[0])
        if index is None:
            planes = volume.array[plane]
            if planes.any():
                yield f"highdicom: pixels at {corners[0]}, where no slice lies"
            continue
        if not np.allclose(corners[1], far_corner(case, index), atol=0.05):
            yield f"highdicom: the far corner of slice {index} is {corners[1]}"
        for channel, number in enumerate(case.numbers):
            planes = volume.array[plane]
            mask = planes == number if case.labelmap else planes[..., channel] == 1
            if not np.array_equal(mask, case.mask(number, index) == 1):
                yield f"highdicom: segment {number} of the volume differs on slice {index}"
        found.add(index)
    if not {index for _, index in case.expected} <= found:
        yield f"highdicom: slices missing in the volume"


def case_slice(case, position):
    """The slice within 0.05 mm: highdicom makes an exactly even grid of nearly even slices."""
    distances = [np.linalg.norm(np.array(p, float) - position) for p in case.positions]
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] < 0.05 else None


def far_corner(case, index):
    """Centre of the last pixel of the last row, LPS mm."""
    row, column = np.array(case.rowDirection), np.array(case.columnDirection)
    step = row * case.spacing[0] * (case.columns - 1) + column * case.spacing[1] * (case.rows - 1)
    return np.array(case.positions[index], float) + step


def check_dcmqi(case):
    program = Path(sys.executable).with_name("segimage2itkimage")
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--inputDICOM", case.seg, "--outputDirectory", folder, "--outputType", "nrrd"]
        run = subprocess.run(command, capture_output=True, text=True)
        files = sorted(Path(folder).glob("*.nrrd"))
        if case.dcmqi == "refuses":
            if run.returncode == 0 and files:
                yield "dcmqi: reads what it was to refuse"
            return
        if run.returncode != 0 or not files:
            yield f"dcmqi: {run.stdout[-300:]} {run.stderr[-300:]}"
            return
        yield from compare_dcmqi(case, [SimpleITK.ReadImage(str(file)) for file in files])


def compare_dcmqi(case, images):
    found = set()
    for image in images:
        array = SimpleITK.GetArrayFromImage(image)
        for number in sorted(set(np.unique(array).tolist()) - {0}):
            number = int(number)
            for (segment, index), mask in case.expected.items():
                if segment != number:
                    continue
                corner = image.TransformPhysicalPointToContinuousIndex([float(v) for v in case.positions[index]])
                far = image.TransformPhysicalPointToContinuousIndex(far_corner(case, index).tolist())
                plane = round(corner[2])
                expected = [[0, 0, plane], [case.columns - 1, case.rows - 1, plane]]
                if not np.allclose([corner, far], expected, atol=0.01) or not 0 <= plane < len(array):
                    yield f"dcmqi: slice {index} lies at {corner} to {far}"
                    continue
                found.add((segment, index))
                if not np.array_equal(array[plane] == number, mask == 1):
                    yield f"dcmqi: segment {number} differs on slice {index}"
            wanted = sum(int(mask.sum()) for (segment, _), mask in case.expected.items() if segment == number)
            if int((array == number).sum()) != wanted:
                yield f"dcmqi: segment {number} has other pixels besides"
    if found != set(case.expected):
        yield f"dcmqi: {len(found)} of {len(case.expected)} masks"


answers = {}
for description in json.load(sys.stdin):
    case = Case(description)
    differences = []
    for check, wanted in ((check_pydicom, True), (check_highdicom, True), (check_dcmqi, case.dcmqi)):
        if not wanted:
            continue
        try:
            differences += list(check(case))[:5]
        except Exception as error:  # every case is to be reported
            differences.append(f"{check.__name__}: {type(error).__name__}: {error}")
    answers[case.name] = differences
json.dump(answers, sys.stdout)
