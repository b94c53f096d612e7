"""Writes a CT series and segmentations of it with highdicom and dcmqi, in several layouts, and what they hold.

usage: write-segs.py FOLDER
FOLDER/source/*.dcm, FOLDER/NAME.dcm, FOLDER/NAME.masks (uint8 [segment][slice][row][column]); prints a JSON list.
Slices of the masks ascend along the right-handed normal.
"""

import json
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import SimpleITK
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

ROWS, COLUMNS, SLICES = 39, 43, 6
ROW = np.array([0.8, 0.6, 0.0])
COLUMN = np.array([-0.36, 0.48, 0.8])
NORMAL = np.cross(ROW, COLUMN)
SPACING = (0.75, 1.25, 2.5)  # columns, rows, slices
ORIGIN = np.array([-12.5, 20.25, -300.125])


def text(value):
    return f"{value:.9g}"


def source_images(folder):
    """Six oblique slices; files and instance numbers are in no order."""
    study, series, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
    images = []
    for slice_ in range(SLICES):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = CTImageStorage
        image.SOPClassUID = CTImageStorage
        image.SOPInstanceUID = generate_uid()
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.FrameOfReferenceUID, image.PositionReferenceIndicator = frame_of_reference, ""
        image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "Test^Phantom", "phantom", "", "O"
        image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20260304", "050607", "1", ""
        image.ReferringPhysicianName, image.Modality, image.Manufacturer = "", "CT", "Phantom"
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.SeriesNumber, image.InstanceNumber = 1, (slice_ * 5) % SLICES + 1
        image.ImagePositionPatient = [text(v) for v in ORIGIN + NORMAL * SPACING[2] * slice_]
        image.ImageOrientationPatient = [text(v) for v in (*ROW, *COLUMN)]
        image.PixelSpacing, image.SliceThickness = [text(SPACING[1]), text(SPACING[0])], text(SPACING[2])
        image.Rows, image.Columns, image.SamplesPerPixel = ROWS, COLUMNS, 1
        image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "-1024", "1", "HU"
        image.PixelData = np.full((ROWS, COLUMNS), 1000 + slice_, dtype="<u2").tobytes()
        image.save_as(folder / f"{(slice_ * 5) % SLICES}.dcm", enforce_file_format=True)
        images.append(image)
    return images


def descriptions(count, first=1):
    algorithm = hd.AlgorithmIdentificationSequence(
        name="phantom", version="3", family=codes.DCM.ArtificialIntelligence
    )
    return [
        hd.seg.SegmentDescription(
            segment_number=first + index,
            segment_label=f"Segment {first + index}",
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=[codes.SCT.Kidney, codes.SCT.Liver, codes.SCT.Spleen][index % 3],
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
            algorithm_identification=algorithm,
            tracking_id=f"track {index}",
            tracking_uid=generate_uid(),
            anatomic_regions=[codes.SCT.Abdomen] if index == 0 else None,
        )
        for index in range(count)
    ]


def main(folder):
    (folder / "source").mkdir()
    images = source_images(folder / "source")
    random = np.random.default_rng(5)
    # [segment][slice][row][column]; segments 0 and 1 overlap, slice 4 is empty of segment 1, slice 0 empty of all
    masks = (random.random((3, SLICES, ROWS, COLUMNS)) < 0.4).astype(np.uint8)
    masks[:, 0] = 0
    masks[1, 4] = 0
    exclusive = masks.copy()
    exclusive[1] &= 1 - exclusive[0]
    exclusive[2] &= 1 - (exclusive[0] | exclusive[1])
    written = []

    def keep(name, truth, **more):
        (folder / f"{name}.masks").write_bytes(np.ascontiguousarray(truth, dtype=np.uint8).tobytes())
        written.append({"name": name, "segments": len(truth), **more})

    def highdicom(name, pixels, kind, truth, first=1, syntax=ExplicitVRLittleEndian, **options):
        count = len(truth)
        seg = hd.seg.Segmentation(
            source_images=images,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=descriptions(count, first),
            series_instance_uid=generate_uid(),
            series_number=2,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="Tests",
            manufacturer_model_name="write-segs",
            software_versions="1",
            device_serial_number="1",
            transfer_syntax_uid=syntax,
            **options,
        )
        seg.save_as(folder / f"{name}.dcm")
        keep(name, truth, first=first, type=seg.SegmentationType)

    stacked = np.moveaxis(masks, 0, -1)  # [slice][row][column][segment]
    apart = np.moveaxis(exclusive, 0, -1)
    labels = (exclusive * np.array([1, 2, 3], dtype=np.uint16)[:, None, None, None]).sum(axis=0).astype(np.uint16)
    binary, fractional, label_map = (hd.seg.SegmentationTypeValues[k] for k in ("BINARY", "FRACTIONAL", "LABELMAP"))

    highdicom("binary", stacked, binary, masks)
    highdicom("binary-implicit", stacked, binary, masks, syntax=ImplicitVRLittleEndian)
    highdicom("binary-with-empty-frames", stacked, binary, masks, omit_empty_frames=False)
    highdicom("binary-one-segment", stacked[..., :1], binary, masks[:1])
    highdicom("label-map", labels, label_map, exclusive)
    fractions = np.where(apart == 1, random.integers(128, 256, apart.shape), random.integers(0, 128, apart.shape)) / 255
    more = {"fractional_type": hd.seg.SegmentationFractionalTypeValues.PROBABILITY, "max_fractional_value": 255}
    highdicom("fractional", fractions, fractional, exclusive, **more)
    # by pydicom's own encoder: another one aborts on odd sizes
    for name, syntax, plugin in (
        ("label-map", RLELossless, "pydicom"),
        ("fractional", RLELossless, "pydicom"),
        ("fractional", JPEG2000Lossless, "pylibjpeg"),
    ):
        compressed = dcmread(folder / f"{name}.dcm")
        compressed.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        compressed.save_as(folder / f"{name}-{syntax.keyword}.dcm", enforce_file_format=True)
        keep(f"{name}-{syntax.keyword}", exclusive, first=1, type=compressed.SegmentationType)

    deflated = dcmread(folder / "binary.dcm")
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated.save_as(folder / "binary-deflated.dcm", enforce_file_format=True)
    keep("binary-deflated", masks, first=1, type="BINARY")

    dcmqi(folder, exclusive, keep)
    print(json.dumps({"rows": ROWS, "columns": COLUMNS, "slices": SLICES, "written": written}))


def dcmqi(folder, masks, keep):
    """Segments from one label image, as 3D Slicer does it."""
    from dcmqi import _lookup

    image = SimpleITK.GetImageFromArray((masks * np.array([1, 2, 3], dtype=np.uint8)[:, None, None, None]).sum(axis=0).astype(np.uint8))
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN.tolist())
    image.SetDirection(np.column_stack([ROW, COLUMN, NORMAL]).ravel().tolist())
    SimpleITK.WriteImage(image, str(folder / "labels.nrrd"))
    segments = [
        {
            "labelID": index + 1,
            "SegmentLabel": f"Segment {index + 1}",
            "SegmentDescription": f"Segment {index + 1}",
            "SegmentAlgorithmType": "SEMIAUTOMATIC",
            "SegmentAlgorithmName": "phantom",
            "SegmentedPropertyCategoryCodeSequence": code("85756007", "Tissue"),
            "SegmentedPropertyTypeCodeSequence": code("10200004", "Liver"),
            "recommendedDisplayRGBValue": [221, 130, 101 + index],
        }
        for index in range(len(masks))
    ]
    meta = {
        "ContentCreatorName": "Tests",
        "ClinicalTrialSeriesID": "1",
        "ClinicalTrialTimePointID": "1",
        "SeriesDescription": "Segmentation",
        "SeriesNumber": "300",
        "InstanceNumber": "1",
        "ContentLabel": "SEGMENTATION",
        "ContentDescription": "Test",
        "ClinicalTrialCoordinatingCenterName": "dcmqi",
        "segmentAttributes": [segments],
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    for name, options in {"dcmqi": ["--skip"], "dcmqi-with-empty-frames": []}.items():
        command = [str(_lookup("itkimage2segimage")), "--inputImageList", str(folder / "labels.nrrd")]
        command += ["--inputDICOMDirectory", str(folder / "source"), "--inputMetadata", str(folder / "meta.json")]
        command += ["--outputDICOM", str(folder / f"{name}.dcm"), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        keep(name, masks, first=1, type="BINARY")


def code(value, meaning):
    return {"CodeValue": value, "CodingSchemeDesignator": "SCT", "CodeMeaning": meaning}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
