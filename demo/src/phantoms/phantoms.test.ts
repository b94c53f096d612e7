import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openVolume } from '@medsam2/server';
import { parsePart10, writeFiles } from '@medsam2/server/testing';
import { makePhantomStudies, makePhantomStudy, phantomNames, structureOf, type PhantomStudy } from './index.js';

function hasDciodvfy(): boolean {
  if (spawnSync('dciodvfy', ['--help']).error === undefined) return true;
  if (process.env.CI === 'true') throw new Error('dciodvfy is missing (Debian package dicom3tools)');
  process.stderr.write('skipped: dciodvfy is not installed (Debian package dicom3tools)\n');
  return false;
}

describe('generated studies', () => {
  let folder: string;
  const studies = makePhantomStudies();
  const pixels = (study: PhantomStudy): string =>
    createHash('sha256').update(study.instances()[0].subarray(-10_000)).digest('hex');
  const folderOf = (study: PhantomStudy): string => join(folder, study.name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'phantoms-'));
    for (const study of studies) writeFiles(folderOf(study), study.instances());
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are the same bytes at every time: a change needs another revision, for archives keep what they have', () => {
    const hash = createHash('sha256');
    for (const study of studies) for (const bytes of study.instances()) hash.update(bytes);
    expect(hash.digest('hex')).toBe('d273ff61e5a641c5de29ce4a85e0efbb2c15370f169771beaf6eff96dfdfbf26');
  });

  it('have other identifiers and noise with another seed, and the same truth', () => {
    const other = makePhantomStudy('ct', 2);
    expect(other.studyUid).not.toBe(studies[0].studyUid);
    expect(Buffer.compare(other.truth, studies[0].truth)).toBe(0);
    expect(other.instances()[0].byteLength).toBe(studies[0].instances()[0].byteLength);
    expect(pixels(other)).not.toBe(pixels(studies[0]));
  });

  it.each(phantomNames)('%s: is read as the volume that it was made as', async (name) => {
    const study = makePhantomStudy(name);
    const volume = await openVolume(folderOf(study));
    const { columns, rows, slices } = study.grid;
    expect(volume.geometry).toMatchObject({ columns, rows, slices });
    expect(volume.findings.map(({ code }) => code)).toEqual(study.modality === 'US' ? ['no-place-in-space'] : []);
    if (study.modality !== 'US') {
      study.grid.spacing.forEach((spacing, axis) => expect(volume.geometry.spacing[axis]).toBeCloseTo(spacing));
      study.origin.forEach((position, axis) => expect(volume.geometry.origin[axis]).toBeCloseTo(position));
    }
    // of the boxes' middles, only that of the liver may lie in another structure: in the lesion
    for (const { label, slice, box, name: structure } of study.structures) {
      const [column, row] = [Math.round((box[0] + box[2]) / 2), Math.round((box[1] + box[3]) / 2)];
      if (structure !== 'liver') expect(study.truth[(slice * rows + row) * columns + column]).toBe(label);
    }
  });

  it('name themselves phantoms of nobody', () => {
    for (const study of studies) {
      expect(study.patientName).toMatch(/^PHANTOM\^/);
      const { dataset } = parsePart10(study.instances()[0]);
      expect(dataset['00100010']?.Value).toEqual([{ Alphabetic: study.patientName }]);
      expect(dataset['00100030']?.Value).toEqual(['']);
    }
  });

  it('refuse a structure that they do not have', () => {
    expect(() => structureOf(studies[0], 'heart')).toThrow('no structure heart');
  });

  (hasDciodvfy() ? it : it.skip)('are valid to dciodvfy', () => {
    for (const study of studies) {
      const file = join(folderOf(study), '0.dcm');
      const { stderr } = spawnSync('dciodvfy', [file], { encoding: 'utf8' });
      expect(stderr.split('\n').filter((line) => /^(Error|Warning)/.test(line))).toEqual([]);
    }
  });
});
