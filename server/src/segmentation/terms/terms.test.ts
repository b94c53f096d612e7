import { segmentTermsSchema, termHitSchema, type Code } from '@medsam2/protocol';
import { runPython, testPython } from '@medsam2/models/testing';
import { isSnomedId } from '../codes.js';
import { currentCode, defaultTerms, freeColour, paletteColour, searchTerms, termCatalogue } from './index.js';

const catalogue = termCatalogue();
const codes = new Map<string, Code>();
for (const { terms } of catalogue) {
  for (const code of [terms.category, terms.type, terms.typeModifier, terms.region, terms.regionModifier]) {
    if (code) codes.set(`${code.scheme} ${code.value} ${code.meaning}`, code);
  }
}
const labels = (query: string, limit = 5): string[] => searchTerms(query, limit).map(({ label }) => label);

describe('the list of terms', () => {
  it('is as the protocol wants it, without a label or a meaning twice', () => {
    for (const entry of catalogue) expect(termHitSchema.safeParse(entry).error).toBeUndefined();
    expect(new Set(catalogue.map(({ label }) => label)).size).toBe(catalogue.length);
    // two labels for one coded meaning would come back from a saved segmentation as one
    expect(new Set(catalogue.map(({ terms }) => JSON.stringify(terms))).size).toBe(catalogue.length);
    expect(catalogue.length).toBeGreaterThan(400);
  });

  it('has SCT codes with right check digits (Verhoeff) and labels that fit SegmentLabel', () => {
    for (const { scheme, value } of codes.values()) {
      if (scheme === 'SCT') expect([value, isSnomedId(value)]).toEqual([value, true]);
      else expect(['DCM', 'NCIt', 'FMA']).toContain(scheme);
    }
    for (const { label } of catalogue) expect(label.length).toBeLessThanOrEqual(64);
  });

  it('keeps one meaning for one code', () => {
    const meanings = new Map<string, Set<string>>();
    for (const { scheme, value, meaning } of codes.values()) {
      const key = `${scheme} ${value}`;
      meanings.set(key, (meanings.get(key) ?? new Set()).add(meaning));
    }
    const several = [...meanings]
      .filter(([, all]) => all.size > 1)
      .map(([key, all]) => `${key}: ${[...all].join(', ')}`);
    expect(several).toEqual([]);
  });

  it('has a default that claims nothing', () => {
    expect(segmentTermsSchema.parse(defaultTerms())).toMatchObject({ type: { value: '85756007', meaning: 'Tissue' } });
  });
});

const python = testPython();
(python ? it : it.skip)('every code has the meaning that pydicom knows it by', () => {
  const script = `
import json, re, sys
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping
plain = lambda text: re.sub(r" \\((body structure|physical object|substance|morphologic abnormality)\\)$", "", text).lower()
known = {}
for scheme, keywords in concepts.items():
    for entry in keywords.values():
        for value, (meaning, _) in entry.items():
            known.setdefault((scheme, value), set()).add(plain(meaning))
request = json.load(sys.stdin)
wrong = [c for c in request["codes"] if plain(c["meaning"]) not in known.get((c["scheme"], c["value"]), ())]
retired = {v: mapping["SRT"][v] for v in request["retired"]}
print(json.dumps({"wrong": wrong, "retired": retired}))
`;
  const retired = ['T-62000', 'T-D0050', 'M-01100', 'G-A100', 'T-71000'];
  const answer = JSON.parse(
    runPython(python ?? '', script, JSON.stringify({ codes: [...codes.values()], retired })),
  ) as { wrong: Code[]; retired: Record<string, string> };
  expect(answer.wrong).toEqual([]);
  for (const value of retired) {
    expect(currentCode({ scheme: 'SRT', value, meaning: 'So' })).toEqual({
      scheme: 'SCT',
      value: answer.retired[value],
      meaning: 'So',
    });
  }
});

describe('currentCode', () => {
  it('leaves what it does not know', () => {
    for (const code of [
      { scheme: 'SRT', value: 'T-00000', meaning: 'Nothing' },
      { scheme: '99LOCAL', value: 'T-62000', meaning: 'Liver' },
    ]) {
      expect(currentCode(code)).toBe(code);
    }
  });
});

describe('searchTerms', () => {
  it.each([
    ['kidney', 'Kidney'],
    ['left kidney', 'Left kidney'],
    ['KIDNEY left', 'Left kidney'],
    ['kídney', 'Kidney'],
    ['kidny', 'Kidney'],
    ['liv', 'Liver'],
    ['nodule lung', 'Lung nodule'],
    ['left lung nodule', 'Left lung nodule'],
    ['œdème', 'Edema'],
    ['oesophagus', 'Esophagus'],
    ['IVC', 'Inferior vena cava'],
    ['l4', 'L4 vertebra'],
    ['10200004', 'Liver'],
    ['adipose', 'Fat'],
    ['metastasis in the liver', 'Liver metastasis'],
  ])('%s: %s', (query, label) => expect(labels(query)[0]).toBe(label));

  it('finds synonyms and organs by their adjective', () => {
    expect(labels('bleeding')).toContain('Hemorrhage');
    expect(labels('hepatic tumour')).toContain('Liver tumor');
    expect(labels('stone', 10)).toContain('Kidney stone');
  });

  it('says nothing where nothing fits, and keeps to the limit', () => {
    expect(labels('qqqq')).toEqual([]);
    expect(labels('left', 3)).toHaveLength(3);
    expect(labels('kidney', 0)).toEqual([]);
    expect(labels('', 2)).toEqual(['Tissue', 'Soft tissue']);
  });

  it('takes any text', () => {
    for (const query of ['(*)', '\\', '"', '   ', '🫀', 'a'.repeat(10_000), 'x '.repeat(5000)]) {
      expect(searchTerms(query, 5).length).toBeLessThanOrEqual(5);
    }
  });
});

describe('paletteColour', () => {
  /** Linear sRGB as seen without red or green cones (Vienot, Brettel, Mollon 1999), or as it is. */
  const VISIONS: Readonly<Record<string, readonly (readonly [number, number, number])[]>> = {
    common: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    protan: [
      [0.11238, 0.88762, 0],
      [0.11238, 0.88762, 0],
      [0.00401, -0.00401, 1],
    ],
    deutan: [
      [0.29275, 0.70725, 0],
      [0.29275, 0.70725, 0],
      [-0.02234, 0.02234, 1],
    ],
  };
  const linear = (value: number): number => (value / 255) ** 2.2;
  const seen = (index: number, vision: string): number[] => {
    const colour = paletteColour(index).map(linear);
    return VISIONS[vision].map(
      (row) =>
        Math.max(
          0,
          row.reduce((sum, part, axis) => sum + part * colour[axis], 0),
        ) **
        (1 / 2.2),
    );
  };

  it.each(Object.keys(VISIONS))('keeps the first seven apart in %s vision', (vision) => {
    for (let a = 0; a < 7; a++) {
      for (let b = 0; b < a; b++) {
        const [one, other] = [seen(a, vision), seen(b, vision)];
        expect(Math.hypot(...one.map((value, axis) => value - other[axis]))).toBeGreaterThan(0.1);
      }
    }
  });

  it('gives 40 different colours of usable brightness', () => {
    const colours = Array.from({ length: 40 }, (_, index) => paletteColour(index));
    expect(new Set(colours.map(String)).size).toBe(40);
    for (const colour of colours) {
      for (const value of colour) expect(Number.isInteger(value) && value >= 0 && value <= 255).toBe(true);
      expect(Math.max(...colour)).toBeGreaterThan(120);
    }
  });
});

describe('freeColour', () => {
  it('is the palette’s own where no other is like it', () => {
    const taken: [number, number, number][] = [];
    for (let index = 0; index < 7; index++) taken.push(freeColour(index, taken));
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6].map(paletteColour));
  });

  it('passes over colours that a coded term has taken', () => {
    const almostFirst: [number, number, number] = [225, 150, 10];
    expect(freeColour(0, [almostFirst])).toEqual(paletteColour(1));
    expect(freeColour(0, [almostFirst, paletteColour(1)])).toEqual(paletteColour(2));
  });

  it('ends where all are taken', () => {
    const taken = Array.from({ length: 200 }, (_, index) => paletteColour(index));
    expect(freeColour(3, taken)).toEqual(paletteColour(3));
  });
});
