/** What `scripts/evaluate-model.mjs` is made of. */
export { evaluateModelOnCase, type CaseResult, type StructurePictures } from './evaluate-model.js';
export { loadFolderCase, loadNpzCase, type LabelledCase } from './load-case.js';
export { barsOf, markdownReport, textReport, type ModelEvaluation } from './model-report.js';
export { renderResultSheet } from './sheet.js';
