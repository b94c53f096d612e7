import { memo, useState } from 'react';
import type { VolumeInfo } from '@medsam2/protocol';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { GuardedSelect } from '../parts/guarded-select.js';
import { Icon } from '../parts/icon.js';
import { Progress } from '../parts/progress.js';

/** What is worked on, and what is to be known about it before anything runs. */
export const Series = memo(function Series() {
  const { t, text } = usePanel();
  const target = useWork((state) => state.target);
  const noTarget = useWork((state) => state.noTarget);
  const volumes = useWork((state) => state.volumes);
  const index = useWork((state) => state.volume);
  if (target === undefined) {
    return (
      <section className="m2-section m2-empty" aria-label={t('panel.series')} data-cy="medsam2-series">
        <Icon name="info" />
        <p>{noTarget === undefined ? t('panel.series.none') : text(noTarget)}</p>
      </section>
    );
  }
  const volume = volumes.find((candidate) => candidate.index === index);
  return (
    <section className="m2-section" aria-label={t('panel.series')} data-cy="medsam2-series">
      <p className="m2-series" data-tip={target.description}>
        <span className="m2-chip">{target.modality}</span>
        <span className="m2-clip">{target.description || t('panel.series.unnamed')}</span>
        <span className="m2-muted m2-fixed">{t(`panel.images.${target.kind}`, { n: target.images.length })}</span>
      </p>
      {volumes.length > 1 ? <VolumeChoice volumes={volumes} index={index} /> : null}
      {volume === undefined ? null : <Findings volume={volume} />}
      <Loading />
    </section>
  );
});

function VolumeChoice({ volumes, index }: { readonly volumes: readonly VolumeInfo[]; readonly index?: number }) {
  const { t, actions } = usePanel();
  return (
    <div className="m2-row">
      <GuardedSelect
        label={t('panel.volume')}
        cy="medsam2-volume"
        value={index === undefined ? '' : String(index)}
        placeholder={index === undefined ? t('panel.volume.choose', { n: volumes.length }) : undefined}
        choices={volumes.map((volume) => ({
          value: String(volume.index),
          label: `${volume.label} (${t(`panel.images.${volume.kind}`, { n: volume.slices })})`,
        }))}
        onChoose={(value) => void actions.chooseVolume(Number(value))}
      />
    </div>
  );
}

const severities = ['reject', 'warn', 'info'] as const;
const look = { reject: 'error', warn: 'warning', info: 'info' } as const;

/** Worst first; what is only to be known is folded away. */
function Findings({ volume }: { readonly volume: VolumeInfo }) {
  const { t } = usePanel();
  const overruled = useWork((state) => state.overruled);
  if (volume.findings.length === 0) return null;
  const [rejecting, warning, telling] = severities.map((severity) =>
    volume.findings.filter((finding) => finding.severity === severity),
  );
  const list = (findings: VolumeInfo['findings']) => (
    <ul className="m2-findings">
      {findings.map(({ code, severity, message }) => (
        <li key={code} className={`m2-${look[severity]}`}>
          <Icon name={look[severity]} />
          <span lang="en">
            <span className="m2-sr">{t(`panel.finding.${severity}`)} </span>
            {message}
          </span>
        </li>
      ))}
    </ul>
  );
  return (
    <div data-cy="medsam2-findings">
      {list([...rejecting, ...warning])}
      {telling.length === 0 ? null : (
        <details>
          <summary>{t('panel.findings.more', { n: telling.length })}</summary>
          {list(telling)}
        </details>
      )}
      {volume.rejected ? <Overrule volume={volume} overruled={overruled} /> : null}
    </div>
  );
}

function Overrule({ volume, overruled }: { readonly volume: VolumeInfo; readonly overruled: readonly string[] }) {
  const { t, actions } = usePanel();
  const [asking, setAsking] = useState(false);
  const open = volume.overrulable.filter((code) => !overruled.includes(code));
  const rejecting = volume.findings.filter(({ severity }) => severity === 'reject');
  if (rejecting.some(({ code }) => !volume.overrulable.includes(code))) {
    return <p className="m2-note">{t('panel.overrule.impossible')}</p>;
  }
  if (open.length === 0) return <p className="m2-note">{t('panel.overrule.done')}</p>;
  if (!asking) {
    return <Button label={t('panel.overrule')} cy="medsam2-overrule" onPress={() => setAsking(true)} />;
  }
  return (
    <div className="m2-box m2-warning" role="group" aria-label={t('panel.overrule')}>
      <p>{t('panel.overrule.question')}</p>
      <p className="m2-row">
        <Button
          label={t('panel.overrule.confirm')}
          look="danger"
          cy="medsam2-overrule-confirm"
          onPress={() => {
            for (const code of open) actions.overrule(code);
            setAsking(false);
          }}
        />
        <Button label={t('panel.cancel')} look="quiet" onPress={() => setAsking(false)} />
      </p>
    </div>
  );
}

function Loading() {
  const { t, text, actions } = usePanel();
  const phase = useWork((state) => state.session?.phase);
  const done = useWork((state) => state.session?.loading.done ?? 0);
  const total = useWork((state) => state.session?.loading.total ?? 0);
  const problem = useWork((state) => state.session?.problem);
  const reason = useReason('draw');
  if (phase === undefined) {
    return (
      <div className="m2-row">
        <Button label={t('panel.begin')} cy="medsam2-begin" reason={reason} onPress={() => void actions.begin()} />
        <span className="m2-muted">{t('panel.begin.hint')}</span>
      </div>
    );
  }
  if (phase === 'loading') {
    const value = t('panel.loading.of', { done, total });
    return (
      <div data-cy="medsam2-loading">
        <Progress label={t('panel.loading')} done={done} total={total} valueText={value} />
        <p className="m2-muted">
          {t('panel.loading')}: {value}
        </p>
      </div>
    );
  }
  if (phase === 'ready') return null;
  return (
    <div className="m2-box m2-error" role="alert">
      <p>{problem === undefined ? t(`panel.session.${phase}`) : text({ problem })}</p>
      <Button label={t('panel.begin.again')} cy="medsam2-begin" onPress={() => void actions.begin()} />
    </div>
  );
}
