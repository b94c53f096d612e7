import type { Tool } from '../contract/viewer.js';
import { editTools, promptTools } from '../contract/viewer.js';

/** The tools' names in Cornerstone; `brush` and `brushEraser` are the host's own, as its segmentation mode names them. */
export const toolNames: Readonly<Record<Tool, string>> = {
  box: 'MedSAM2Box',
  point: 'MedSAM2Point',
  pointNegative: 'MedSAM2PointNegative',
  scribble: 'MedSAM2Scribble',
  lasso: 'MedSAM2Lasso',
  eraser: 'MedSAM2Eraser',
  brush: 'CircularBrush',
  brushEraser: 'CircularEraser',
};

export const allTools: readonly Tool[] = [...promptTools, ...editTools];

/** @returns undefined for tools that this plug-in does not offer */
export const toolOfName = (name: string | undefined): Tool | undefined =>
  allTools.find((tool) => toolNames[tool] === name);
