import type { Code, SegmentTerms, TermHit } from '@medsam2/protocol';

/** What kind of thing a segment is (PS3.16 CID 7150 "Segmentation Property Category"). */
export type CategoryName = 'anatomical' | 'abnormal' | 'tissue' | 'substance' | 'object';

/**
 * One line of the list: label, type code and meaning, colour as rrggbb, further words that find it (with commas between),
 * and where the label says so the anatomic region. A code is SCT unless it names its scheme (`DCM:112120`).
 */
export type TermRow =
  | readonly [label: string, type: string, meaning: string, colour: string, words: string]
  | readonly [
      label: string,
      type: string,
      meaning: string,
      colour: string,
      words: string,
      region: string,
      regionMeaning: string,
    ];

/** Rows of one category; `paired` exist left and right and are offered without a side too. */
export interface TermGroup {
  readonly category: CategoryName;
  readonly rows: readonly TermRow[];
  readonly paired?: readonly TermRow[];
}

/** One term as it is offered: what a search gives, and the words that find it. */
export interface TermEntry extends TermHit {
  readonly words: string;
}

const sct = (value: string, meaning: string): Code => ({ scheme: 'SCT', value, meaning });

export const CATEGORIES: Readonly<Record<CategoryName, Code>> = {
  anatomical: sct('91723000', 'Anatomical Structure'),
  abnormal: sct('49755003', 'Morphologically Abnormal Structure'),
  tissue: sct('85756007', 'Tissue'),
  substance: sct('91720002', 'Body Substance'),
  object: sct('260787004', 'Physical object'),
};

/** PS3.16 CID 244 "Laterality". */
export const SIDES = { Left: sct('7771000', 'Left'), Right: sct('24028007', 'Right') } as const;

type Side = keyof typeof SIDES;

/** Entries of a group: for a paired row without a side, then left, then right. */
export function entriesOf(group: TermGroup): TermEntry[] {
  const sides: readonly (Side | undefined)[] = [undefined, 'Left', 'Right'];
  return [
    ...group.rows.map((row) => entryOf(group.category, row)),
    ...(group.paired ?? []).flatMap((row) => sides.map((side) => entryOf(group.category, row, side))),
  ];
}

function entryOf(category: CategoryName, row: TermRow, side?: Side): TermEntry {
  const [label, type, meaning, colour, words, region, regionMeaning] = row;
  const terms: SegmentTerms = {
    category: CATEGORIES[category],
    type: code(type, meaning),
    ...(region !== undefined && regionMeaning !== undefined ? { region: code(region, regionMeaning) } : {}),
    // the side belongs to the organ: to the region where there is one, otherwise the type is the organ
    ...(side ? { [region === undefined ? 'typeModifier' : 'regionModifier']: SIDES[side] } : {}),
  };
  return {
    terms,
    label: side ? `${side} ${label[0].toLowerCase()}${label.slice(1)}` : label,
    colour: rgb(colour),
    words,
  };
}

function code(text: string, meaning: string): Code {
  const [value, scheme = 'SCT'] = text.split(':').reverse();
  return { scheme, value, meaning };
}

function rgb(hex: string): [number, number, number] {
  const value = parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
