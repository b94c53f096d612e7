import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPython, sharedData, testPython } from '@medsam2/models/testing';
import { writeSeg } from '@medsam2/server/segmentation';
import { parsePart10, segmentationAttributes } from '@medsam2/server/testing';
import { requestOf, stripes } from './requests.js';
import { phantomSource } from './sources.js';

const python = testPython();
const data = sharedData();
const folder = mkdtempSync(join(tmpdir(), 'medsam2-values-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

(python ? it : it.skip)('tags and representations are those of the standard, as pydicom has them', () => {
  const script = `
import json, sys
from pydicom.datadict import dictionary_VR, tag_for_keyword
out = {}
for keyword in json.load(sys.stdin):
    tag = tag_for_keyword(keyword)
    out[keyword] = [f"{tag:08X}", dictionary_VR(tag)]
json.dump(out, sys.stdout)`;
  const known = JSON.parse(
    runPython(python ?? '', script, JSON.stringify(Object.keys(segmentationAttributes))),
  ) as Record<string, [string, string]>;
  const differing = Object.entries(segmentationAttributes).filter(
    ([keyword, [tag, vr]]) => known[keyword][0] !== tag || !known[keyword][1].split(' or ').includes(vr),
  );
  expect(differing).toEqual([]);
});

(python && data ? it : it.skip)('names in 13 character sets are the same for pydicom before and after', () => {
  const charsets = join(data ?? '', 'charsets');
  const files = readdirSync(charsets).filter((name) => name.endsWith('.dcm'));
  const pairs = files.map((name) => {
    const { dataset } = parsePart10(readFileSync(join(charsets, name)));
    const source = phantomSource({ columns: 8, rows: 8, slices: 1 }, (elements) => {
      for (const tag of ['00100010', '00100020', '00081030', '00080090']) elements[tag] = dataset[tag];
    });
    const { bytes, warnings } = writeSeg(requestOf(source, stripes(source, 1)));
    expect(warnings.filter((warning) => warning.includes("Patient's Name"))).toEqual([]);
    writeFileSync(join(folder, name), bytes);
    return [join(charsets, name), join(folder, name)];
  });
  const script = `
import json, sys, pydicom
def names(path):
    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    dataset.decode()
    return [str(dataset.get(keyword, "")) for keyword in ("PatientName", "PatientID", "StudyDescription", "ReferringPhysicianName")]
json.dump([[names(a), names(b)] for a, b in json.load(sys.stdin)], sys.stdout)`;
  const read = JSON.parse(runPython(python ?? '', script, JSON.stringify(pairs))) as [string[], string[]][];
  expect(read.length).toBe(17);
  expect(read.map(([, after]) => after)).toEqual(read.map(([before]) => before));
});
