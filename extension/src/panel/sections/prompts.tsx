import { memo } from 'react';
import type { PromptView } from '../../contract/work.js';
import { usePanel, useWork } from '../context.js';
import { hexOf } from '../format.js';
import { Button } from '../parts/button.js';
import { Fold } from '../parts/section.js';

/** Every prompt of the session, to jump to or take back. */
export const Prompts = memo(function Prompts() {
  const { t, actions } = usePanel();
  const prompts = useWork((state) => state.prompts);
  const visible = useWork((state) => state.promptsVisible);
  if (prompts.length === 0) return null;
  return (
    <Fold
      title={t('panel.prompts', { n: prompts.length })}
      cy="medsam2-prompts"
      aside={
        <Button
          label={visible ? t('panel.prompts.hide') : t('panel.prompts.show')}
          icon={visible ? 'eye' : 'eyeOff'}
          look="quiet"
          cy="medsam2-prompts-visible"
          onPress={() => actions.showPrompts(!visible)}
        />
      }
    >
      <ul className="m2-list m2-scroll">
        {prompts.map((prompt) => (
          <PromptRow key={prompt.id} prompt={prompt} />
        ))}
      </ul>
    </Fold>
  );
});

const PromptRow = memo(function PromptRow({ prompt }: { readonly prompt: PromptView }) {
  const { t, actions } = usePanel();
  const unit = useWork((state) => state.session?.kind ?? 'stack');
  const { slice } = prompt;
  const kind = t(`panel.prompt.${prompt.kind}`);
  const place = slice === undefined ? t('panel.prompt.no-slice') : t(`panel.slice.${unit}`, { n: slice + 1 });
  return (
    <li className="m2-prompt" data-cy="medsam2-prompt" data-state={prompt.state}>
      <button
        type="button"
        className="m2-jump"
        aria-disabled={slice === undefined ? true : undefined}
        data-cy="medsam2-prompt-jump"
        onClick={() => {
          if (slice !== undefined) actions.jumpTo(slice);
        }}
      >
        <span className="m2-dot" style={{ background: hexOf(prompt.colour) }} />
        <span className="m2-clip">{kind}</span>
        <span className="m2-muted m2-fixed">{place}</span>
      </button>
      {prompt.state === 'accepted' ? null : (
        <span className={`m2-fixed m2-${prompt.state === 'failed' ? 'error' : 'info'}`}>
          {t(`panel.prompt.${prompt.state}`)}
        </span>
      )}
      <Button
        label={t('panel.prompt.delete', { kind, place })}
        icon="trash"
        look="quiet"
        cy="medsam2-prompt-delete"
        onPress={() => void actions.removePrompt(prompt.id)}
      />
    </li>
  );
});
