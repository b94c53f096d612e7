import { memo, useRef } from 'react';
import type { Notice } from '../../contract/work.js';
import { usePanel, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { Icon, type IconName } from '../parts/icon.js';

const icons: Readonly<Record<Notice['severity'], IconName>> = {
  info: 'info',
  success: 'check',
  warning: 'warning',
  error: 'error',
};

/** What a person should read: errors are read out at once, the rest when there is a pause. */
export const Notices = memo(function Notices() {
  const { t } = usePanel();
  const notices = useWork((state) => state.notices);
  const frame = useRef<HTMLDivElement>(null);
  const urgent = notices.filter(({ severity }) => severity === 'error');
  const calm = notices.filter(({ severity }) => severity !== 'error');
  const keepFocus = (id: string) => {
    const dismissals = [...(frame.current?.querySelectorAll<HTMLElement>('[data-cy=medsam2-notice-dismiss]') ?? [])];
    const others = dismissals.filter((button) => button.closest('[data-notice]')?.getAttribute('data-notice') !== id);
    (others[0] ?? frame.current)?.focus();
  };
  return (
    <div
      ref={frame}
      className="m2-notices"
      role="region"
      aria-label={t('panel.notices')}
      tabIndex={-1}
      data-cy="medsam2-notices"
    >
      <div role="alert">
        {urgent.map((notice) => (
          <NoticeBox key={notice.id} notice={notice} onDismissed={keepFocus} />
        ))}
      </div>
      <div role="status">
        {calm.map((notice) => (
          <NoticeBox key={notice.id} notice={notice} onDismissed={keepFocus} />
        ))}
      </div>
    </div>
  );
});

const NoticeBox = memo(function NoticeBox({
  notice,
  onDismissed,
}: {
  readonly notice: Notice;
  readonly onDismissed: (id: string) => void;
}) {
  const { t, text, actions } = usePanel();
  return (
    <div
      className={`m2-box m2-notice m2-${notice.severity}`}
      data-cy="medsam2-notice"
      data-notice={notice.id}
      data-severity={notice.severity}
    >
      <Icon name={icons[notice.severity]} />
      <div className="m2-grow">
        <p>
          <span className="m2-sr">{t(`panel.severity.${notice.severity}`)} </span>
          {text(notice.text)}
        </p>
        {notice.hint === undefined ? null : <p className="m2-muted">{text(notice.hint)}</p>}
        {notice.canRetry ? (
          <Button label={t('panel.retry')} cy="medsam2-notice-retry" onPress={() => void actions.retry(notice.id)} />
        ) : null}
      </div>
      <Button
        label={t('panel.dismiss')}
        icon="close"
        look="quiet"
        cy="medsam2-notice-dismiss"
        onPress={() => {
          onDismissed(notice.id);
          actions.dismiss(notice.id);
        }}
      />
    </div>
  );
});
