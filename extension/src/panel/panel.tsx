import { memo } from 'react';
import { usePanel, useWork } from './context.js';
import { Tips } from './parts/tips.js';
import { Header } from './sections/header.js';
import { Notices } from './sections/notices.js';
import { Prompts } from './sections/prompts.js';
import { Run } from './sections/run.js';
import { Save } from './sections/save.js';
import { Segments } from './sections/segments.js';
import { Series } from './sections/series.js';
import { Discard, Stored } from './sections/stored.js';
import { Tools } from './sections/tools.js';
import { WindowChoice } from './sections/window-choice.js';
import { Strip } from './strip/strip.js';

/** All parts, in the order of the work. Each follows only what it shows, so that a change draws no more than that. */
export const Panel = memo(function Panel() {
  const { language, t } = usePanel();
  const hasTarget = useWork((state) => state.target !== undefined);
  return (
    <section className="m2-panel" lang={language} aria-label={t('panel.title')} data-cy="medsam2-panel">
      <Tips>
        <Notices />
        <Header />
        <Series />
        {hasTarget ? (
          <>
            <Tools />
            <Segments />
            <Strip />
            <Run />
            <WindowChoice />
            <Prompts />
            <Save />
            <Stored />
            <Discard />
          </>
        ) : null}
      </Tips>
    </section>
  );
});
