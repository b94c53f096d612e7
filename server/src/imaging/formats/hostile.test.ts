import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, deflateSync } from 'node:zlib';
import { openVolume } from '../open.js';
import { refusal, temporaryFolder } from '../testing/temporary.js';
import { NiftiFields, nifti1, nifti2 } from './nifti-header.js';

const folder = temporaryFolder();

/** A NIfTI file of `dims` int16 voxels, then changed by `change`. */
function nifti(dims: number[], change: (fields: NiftiFields) => void = () => undefined, layout = nifti1): Buffer {
  const head = Buffer.alloc(layout.size + 4);
  head.writeInt32LE(layout.size);
  head.write(layout.version === 1 ? 'n+1\0' : 'n+2\0', layout.magic, 'latin1');
  const fields = new NiftiFields(head, layout, true);
  [dims.length, ...dims].forEach((value, index) => fields.setDim(index, value));
  for (let axis = 1; axis <= 3; axis++) fields.setReal(layout.pixdim, 1, axis);
  fields.setShort(layout.datatype, 4);
  fields.setShort(layout.bitpix, 16);
  fields.setVoxOffset(layout.size + 4);
  change(fields);
  const bytes = Math.min(1e5, 2 * dims.reduce((product, size) => product * Math.max(0, size), 1));
  return Buffer.concat([head, Buffer.alloc(bytes, 1)]);
}

const nrrd = (fields: string, data = Buffer.alloc(120)): Buffer =>
  Buffer.concat([Buffer.from(`NRRD0004\n${fields}\n`), data]);
const mha = (fields: string, data = Buffer.alloc(120)): Buffer =>
  Buffer.concat([Buffer.from(`ObjectType = Image\n${fields}`), data]);
const nrrdFields = 'type: short\ndimension: 3\nsizes: 5 4 3\nendian: little\nencoding: raw\n';
const mhaFields = 'NDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\n';
const local = 'ElementDataFile = LOCAL\n';
const small = nifti([5, 4, 3]);

describe('damaged, truncated and hostile files', () => {
  it.each<[name: string, code: string, bytes: Buffer]>([
    ['empty.nii', 'image-empty', Buffer.alloc(0)],
    ['empty.nii.gz', 'image-empty', Buffer.alloc(0)],
    ['empty.nrrd', 'image-empty', Buffer.alloc(0)],
    ['cut_header.nii', 'image-truncated', small.subarray(0, 100)],
    ['cut_voxels.nii', 'image-truncated', small.subarray(0, 400)],
    ['cut_gzip.nii.gz', 'image-truncated', gzipSync(small).subarray(0, 40)],
    ['cut_inside.nii.gz', 'image-truncated', gzipSync(small.subarray(0, 400))],
    ['damaged.nii.gz', 'image-corrupt', damage(gzipSync(small, { level: 0 }))],
    ['text.nii', 'nifti-header', Buffer.from('this is no NIfTI file at all')],
    ['text.nii.gz', 'nifti-header', gzipSync(Buffer.from('this is no NIfTI file at all, only text'))],
    ['analyze.hdr', 'nifti-header', Buffer.concat([small.subarray(0, 344), Buffer.alloc(4), small.subarray(348)])],
    ['rank.nii', 'nifti-header', nifti([5, 4, 3], (f) => f.setDim(0, 9))],
    ['negative.nii', 'image-dimensions', nifti([5, -4, 3])],
    ['zero.nii', 'image-dimensions', nifti([5, 0, 3])],
    ['bits.nii', 'nifti-header', nifti([5, 4, 3], (f) => f.setShort(nifti1.bitpix, 8))],
    ['offset.nii', 'nifti-header', nifti([5, 4, 3], (f) => f.setVoxOffset(10))],
    ['offset_nan.nii', 'nifti-header', nifti([5, 4, 3], (f) => f.setVoxOffset(NaN))],
    ['offset_far.nii', 'nifti-header', nifti([5, 4, 3], (f) => f.setVoxOffset(1e9))],
    ['huge.nii', 'image-too-large', nifti([32767, 32767, 32767])],
    ['huge_v2.nii', 'image-too-large', nifti([2 ** 52, 2 ** 52, 2 ** 52], undefined, nifti2)],
    // below the limit, but more than the file can hold even at deflate's highest ratio: refused before allocation
    ['claims.nii.gz', 'image-truncated', gzipSync(nifti([1000, 1000, 500]).subarray(0, 500))],
    ['flat_sform.nii', 'image-geometry', nifti([5, 4, 3], (f) => f.setCode(nifti1.sformCode, 1))],
    ['nan_sform.nii', 'image-geometry', nifti([5, 4, 3], nanForm)],
    ['pair.hdr', 'nifti-pair', nifti([5, 4, 3], (f) => f.setVoxOffset(0)).fill('ni1\0', 344, 348, 'latin1')],
    ['cut.nrrd', 'image-truncated', nrrd(nrrdFields, Buffer.alloc(119))],
    ['missing.nrrd', 'nrrd-header', nrrd('type: short\ndimension: 3\nendian: little\nencoding: raw\n')],
    ['no_endian.nrrd', 'nrrd-header', nrrd(nrrdFields.replace('endian: little\n', ''))],
    ['sizes.nrrd', 'nrrd-header', nrrd(nrrdFields.replace('5 4 3', '5 4'))],
    ['zero.nrrd', 'image-dimensions', nrrd(nrrdFields.replace('5 4 3', '5 0 3'))],
    ['huge.nrrd', 'image-too-large', nrrd(nrrdFields.replace('5 4 3', '99999999 99999999 99999999'))],
    ['list.nrrd', 'nrrd-dimensions', nrrd(nrrdFields.replace('5 4 3', '3 4 5') + 'kinds: list domain domain\n')],
    ['four.nrrd', 'nrrd-dimensions', nrrd(nrrdFields.replace('5 4 3', '3 4 5 2').replace('n: 3', 'n: 4'))],
    ['block.nrrd', 'voxel-type-unsupported', nrrd(nrrdFields.replace('short', 'block'))],
    ['bzip.nrrd', 'nrrd-encoding', nrrd(nrrdFields.replace('raw', 'bzip2'))],
    ['outside.nhdr', 'image-data-file', nrrd(`${nrrdFields}data file: ../../etc/passwd\n`)],
    ['absolute.nhdr', 'image-data-file', nrrd(`${nrrdFields}data file: /etc/passwd\n`)],
    ['many.nhdr', 'image-data-file', nrrd(`${nrrdFields}data file: LIST\na.raw\n`)],
    ['absent.nhdr', 'file-not-found', nrrd(`${nrrdFields}data file: absent.raw\n`)],
    ['words.nrrd', 'image-corrupt', nrrd(nrrdFields.replace('raw', 'ascii'), Buffer.from('a b c '.repeat(20)))],
    ['singular.nrrd', 'image-geometry', nrrd(`${nrrdFields}space: LPS\nspace directions: (1,0,0) (2,0,0) (0,0,1)\n`)],
    ['endless.nrrd', 'nrrd-header', Buffer.from(`NRRD0004\n${'# filler\n'.repeat(150000)}`)],
    ['cut.mha', 'image-truncated', mha(mhaFields + local, Buffer.alloc(119))],
    ['no_data.mha', 'metaimage-header', mha(mhaFields)],
    ['type.mha', 'voxel-type-unsupported', mha(mhaFields.replace('MET_SHORT', 'MET_OTHER') + local)],
    ['four.mha', 'metaimage-dimensions', mha(mhaFields.replace('= 3', '= 4').replace('5 4 3', '5 4 3 2') + local)],
    ['matrix.mha', 'metaimage-header', mha(`${mhaFields}TransformMatrix = 1 0 0 1\n${local}`)],
    ['singular.mha', 'image-geometry', mha(`${mhaFields}TransformMatrix = 1 0 0 1 0 0 0 0 1\n${local}`)],
    ['zlib.mha', 'image-truncated', mha(`${mhaFields}CompressedData = True\n${local}`, deflateSync(Buffer.alloc(60)))],
    ['no_zlib.mha', 'image-corrupt', mha(`${mhaFields}CompressedData = True\n${local}`)],
    ['outside.mhd', 'image-data-file', mha(`${mhaFields}ElementDataFile = ../x.raw\n`)],
    ['pattern.mhd', 'image-data-file', mha(`${mhaFields}ElementDataFile = slice%03d.raw 1 3 1\n`)],
    ['nothing.xyz', 'image-format-unknown', Buffer.from('plain text')],
    ['movie.mp4', 'image-format-unknown', Buffer.from('....ftypisom')],
    ['picture.png', 'image-format-unknown', Buffer.from('\x89PNG')],
  ])('%s is refused as %s', async (name, code, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    expect(await refusal(openVolume(path))).toBe(code);
  });

  it('refuses an absent file', async () => {
    expect(await refusal(openVolume(join(folder, 'absent.nii')))).toBe('file-not-found');
  });

  it('holds to a limit that the caller sets', async () => {
    const path = join(folder, 'limit.nii');
    writeFileSync(path, small);
    expect(await refusal(openVolume(path, { maxBytes: 119 }))).toBe('image-too-large');
    expect((await openVolume(path, { maxBytes: 120 })).voxels.length).toBe(60);
  });

  it('reads no further than the declared voxels of a gzip bomb', async () => {
    const path = join(folder, 'bomb.nii.gz');
    writeFileSync(path, gzipSync(Buffer.concat([small, Buffer.alloc(64 << 20)])));
    expect((await openVolume(path)).voxels.length).toBe(60);
  });
});

function damage(bytes: Buffer): Buffer {
  bytes[bytes.length - 60] ^= 0xff; // a voxel: only the checksum behind the data tells
  return bytes;
}

function nanForm(fields: NiftiFields): void {
  fields.setCode(nifti1.sformCode, 1);
  for (let at = 0; at < 12; at++) fields.setReal(nifti1.srow, NaN, at);
}
