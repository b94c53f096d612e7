/** Prints figures as they come, with bars, and remembers whether all were kept. */
import { machine, median } from './numbers.js';

export class Table {
  readonly figures: Record<string, { readonly median: number; readonly worst: number }> = {};
  private section = '';
  private readonly missed: string[] = [];

  heading(text: string): void {
    this.section = text.split(';')[0];
    this.note(`\n${text}\n${'what'.padEnd(60)} ${'median'.padStart(9)} ${'worst'.padStart(9)}`);
  }

  note(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** @param most bar that the median must not pass */
  row(what: string, numbers: readonly number[], unit: string, { most }: { readonly most?: number } = {}): void {
    const [middle, worst] = [median(numbers), Math.max(...numbers)];
    const digits = unit === 'x' || (unit === '' && !Number.isInteger(middle)) ? 2 : 0;
    const isMissed = most !== undefined && !(middle < most);
    if (isMissed) this.missed.push(`${this.section}: ${what}`);
    this.figures[`${this.section}: ${what}`] = { median: middle, worst };
    this.note(
      [
        what.padEnd(60),
        middle.toFixed(digits).padStart(9),
        (numbers.length > 1 ? worst.toFixed(digits) : '').padStart(9),
        unit.padEnd(2),
        most === undefined ? '' : `bar: ${Math.round(most)}${isMissed ? ' MISSED' : ''}`,
      ]
        .join(' ')
        .trimEnd(),
    );
  }

  /** @returns exit code: 1 when a bar was missed */
  finish(): number {
    this.note(`\nat the end: ${machine()}`);
    this.note(this.missed.length === 0 ? 'all bars kept' : `missed:\n${this.missed.map((what) => `  ${what}`).join('\n')}`); // prettier-ignore
    return this.missed.length === 0 ? 0 : 1;
  }
}
