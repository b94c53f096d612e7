/** What a person does over and over again; each cycle ends as it began. */
import type { Visitor } from './visitor.js';

/** Cycles after which the mode is left for the study list and entered anew. */
export const leaveEvery = 3;

/** @param cycle from 0 */
export async function useOnce(visitor: Visitor, cycle: number): Promise<void> {
  const { viewer, study } = visitor;
  const [{ slice, box }] = study.structures;
  const at = slice + (cycle % 5) - 2;
  await visitor.goTo(at);
  await visitor.take('box');
  await visitor.box(at);
  await visitor.propagate();
  await visitor.waitForRun();
  await visitor.undo();
  await visitor.press('medsam2-redo');
  await visitor.rest();

  await visitor.take('brush');
  const row = Math.round((box[1] + box[3]) / 2);
  await viewer.drag([
    [box[2] + 8, row],
    [box[2] + 8, row + 8],
  ]);
  await visitor.rest();

  await viewer.setHangingProtocol('mpr');
  await viewer.waitForImages(3);
  await viewer.page.waitForTimeout(1000);
  await viewer.setHangingProtocol('default');
  await viewer.waitForImages(1);
  await visitor.rest();

  await visitor.removeSegment();
  if (cycle % leaveEvery === leaveEvery - 1) {
    await visitor.leave();
    await visitor.enterAgain();
  }
}

/** The same without the plug-in's mode: what the viewer itself keeps. */
export async function useStockOnce(visitor: Visitor, cycle: number): Promise<void> {
  const { viewer } = visitor;
  await visitor.scroll(40, 50);
  await viewer.setHangingProtocol('mpr');
  await viewer.waitForImages(3);
  await viewer.page.waitForTimeout(1000);
  await viewer.setHangingProtocol('default');
  await viewer.waitForImages(1);
  if (cycle % leaveEvery === leaveEvery - 1) {
    await visitor.leave();
    await visitor.enterAgain('viewer');
  }
}
