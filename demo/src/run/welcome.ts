import type { Demo } from './start.js';

/** Address and first steps, for the terminal. */
export function welcome({ url, studies, plugin }: Pick<Demo, 'url' | 'studies' | 'plugin'>): string {
  const [ct] = studies;
  const steps = plugin
    ? [
        `Straight to the CT:  ${url}/medsam2?StudyInstanceUIDs=${ct.studyUid}`,
        '',
        'Draw a box around an organ; the mask appears at once. Then Propagate in the panel, look through the slices,',
        'correct with points, and save: the segmentation is in the PACS when the panel says so.',
      ]
    : ['The plug-in is not built, so this is the viewer alone: npm run build:plugin, then start again.'];
  return [
    '',
    `The viewer:          ${url}/`,
    ...steps,
    '',
    'All images are generated; the model is a small demonstration. Not a medical device. Ctrl-C ends everything.',
    '',
  ].join('\n');
}
