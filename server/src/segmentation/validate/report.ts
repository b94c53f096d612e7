import type { DicomDataset } from '../../imaging/dicom/index.js';
import { item, items, number, numbers, text, texts } from '../../imaging/dicom/dataset.js';
import { tagOf, type Keyword } from '../attributes.js';
import type { SegProblem } from '../types.js';

/** A frame with a wrong group is rarely alone: of each kind only so many are named. */
const NAMED_PER_CODE = 5;

/** What is found wrong, in the order found; messages without patient data. */
export class Report {
  readonly problems: SegProblem[] = [];
  private readonly counts = new Map<string, number>();

  error(code: string, message: string): void {
    this.add({ severity: 'error', code, message });
  }

  warning(code: string, message: string): void {
    this.add({ severity: 'warning', code, message });
  }

  private add(problem: SegProblem): void {
    const count = (this.counts.get(problem.code) ?? 0) + 1;
    this.counts.set(problem.code, count);
    if (count <= NAMED_PER_CODE) this.problems.push(problem);
  }
}

/** Reading by keyword from a dataset of the strict reader. */
export const textOf = (dataset: DicomDataset, keyword: Keyword): string => text(dataset, tagOf(keyword)) ?? '';
export const textsOf = (dataset: DicomDataset, keyword: Keyword): string[] => texts(dataset, tagOf(keyword));
export const numberOf = (dataset: DicomDataset, keyword: Keyword): number | undefined =>
  number(dataset, tagOf(keyword));
export const numbersOf = (dataset: DicomDataset, keyword: Keyword): number[] => numbers(dataset, tagOf(keyword)) ?? [];
export const itemsOf = (dataset: DicomDataset, keyword: Keyword): readonly DicomDataset[] =>
  items(dataset, tagOf(keyword));
export const itemOf = (dataset: DicomDataset, keyword: Keyword): DicomDataset | undefined =>
  item(dataset, tagOf(keyword));
export const has = (dataset: DicomDataset, keyword: Keyword): boolean => dataset[tagOf(keyword)] !== undefined;
