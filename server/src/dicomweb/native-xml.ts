import { SaxesParser } from 'saxes';
import type { DicomDataset, DicomElement } from '../imaging/dicom/index.js';

/** An element or item while it is read. */
interface Open {
  readonly kind: 'dataset' | 'element' | 'value' | 'other';
  readonly dataset?: Record<string, DicomElement>;
  readonly values?: unknown[];
  text: string;
}

const MAX_DEPTH = 64;

/**
 * A dataset in the Native DICOM Model (PS3.19 annex A.1) in the shape of the JSON model; several when the text holds
 * several roots' worth of them. Empty when the text is no such thing. Entities are not resolved, nothing is fetched.
 */
export function nativeXmlDataset(text: string): DicomDataset[] {
  const datasets: DicomDataset[] = [];
  const open: Open[] = [];
  let failed = false;
  const parser = new SaxesParser();
  parser.on('error', () => (failed = true));
  parser.on('opentag', ({ name, attributes }) => {
    if (failed || open.length >= MAX_DEPTH) {
      failed = true;
      return;
    }
    const parent = open.at(-1);
    const local = name.replace(/^.*:/, '');
    const tag = attributes.tag?.toUpperCase();
    if (local === 'NativeDicomModel' || (local === 'Item' && parent?.values)) {
      const dataset = {};
      if (local === 'Item') parent?.values?.push(dataset);
      else datasets.push(dataset);
      open.push({ kind: 'dataset', dataset, text: '' });
    } else if (local === 'DicomAttribute' && parent?.dataset && /^[0-9A-F]{8}$/.test(tag ?? '')) {
      const values: unknown[] = [];
      parent.dataset[tag] = { vr: attributes.vr, Value: values };
      open.push({ kind: 'element', values, text: '' });
    } else if (local === 'Value' && parent?.kind === 'element') {
      open.push({ kind: 'value', values: parent.values, text: '' });
    } else open.push({ kind: 'other', text: '' });
  });
  parser.on('text', (piece) => {
    const current = open.at(-1);
    if (current?.kind === 'value') current.text += piece;
  });
  parser.on('closetag', () => {
    const closed = open.pop();
    if (closed?.kind === 'value') closed.values?.push(closed.text.trim());
  });
  parser.write(text).close();
  return failed ? [] : datasets;
}
