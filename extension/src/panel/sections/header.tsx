import { memo, useEffect, useState } from 'react';
import type { ServerState, WorkState } from '../../contract/work.js';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { GuardedSelect } from '../parts/guarded-select.js';
import { Icon } from '../parts/icon.js';

const modelInUse = (state: WorkState) => state.models.find(({ name }) => name === nameInUse(state));
const nameInUse = (state: WorkState) => state.modelName ?? state.session?.model.name;

/** Which model works where, what it may be used for, and whether the server can be reached. */
export const Header = memo(function Header() {
  const { t, actions } = usePanel();
  const models = useWork((state) => state.models);
  const name = useWork(nameInUse);
  const device = useWork((state) => state.session?.model.device ?? modelInUse(state)?.device);
  const reason = useReason('chooseModel');
  return (
    <header className="m2-section m2-header">
      <h2 className="m2-sr">{t('panel.title')}</h2>
      {models.length === 0 ? null : (
        <div className="m2-row">
          <GuardedSelect
            label={t('panel.model')}
            cy="medsam2-model"
            value={models.some((model) => model.name === name) ? (name ?? '') : ''}
            placeholder={models.some((model) => model.name === name) ? undefined : t('panel.model.choose')}
            choices={models.map((model) => ({ value: model.name, label: model.title }))}
            reason={reason}
            onChoose={(chosen) => void actions.chooseModel(chosen)}
          />
          {device === undefined ? null : (
            <span className="m2-chip" data-tip={t('panel.device', { device })} data-cy="medsam2-device">
              {device.toUpperCase()}
            </span>
          )}
        </div>
      )}
      <div className="m2-row m2-status">
        <ServerLine />
        <Licence />
      </div>
      <Demonstration />
      <ServerTrouble />
    </header>
  );
});

/** Always in sight: nobody may take results of such a model for medical ones. */
function Demonstration() {
  const { t } = usePanel();
  const demonstration = useWork((state) => state.session?.model.demonstration ?? modelInUse(state)?.demonstration);
  if (demonstration !== true) return null;
  return (
    <p className="m2-demonstration" data-cy="medsam2-demonstration">
      <Icon name="warning" />
      <strong>{t('panel.not-for-patients')}</strong>
    </p>
  );
}

function Licence() {
  const { t } = usePanel();
  const licence = useWork((state) => modelInUse(state)?.licence);
  if (licence === undefined) return null;
  return (
    <details className="m2-licence" data-cy="medsam2-licence">
      <summary>
        {licence.restricted ? t('panel.licence.restricted') : t('panel.licence', { licence: licence.spdx })}
      </summary>
      {licence.restricted ? <p>{t('panel.licence', { licence: licence.spdx })}</p> : null}
      <p lang="en">{licence.terms}</p>
    </details>
  );
}

const phaseLook = { connecting: 'info', online: 'success', offline: 'error', 'login-needed': 'warning' } as const;

function ServerLine() {
  const { t } = usePanel();
  const phase = useWork(({ server }) => server.phase);
  const version = useWork(({ server }) => (server.phase === 'online' ? server.version : undefined));
  const user = useWork(({ server }) => (server.phase === 'online' ? server.user : undefined));
  const details = [
    version === undefined ? '' : t('panel.server.version', { version }),
    user === undefined ? '' : t('panel.server.user', { user }),
  ];
  return (
    <span
      className={`m2-server m2-${phaseLook[phase]}`}
      role="status"
      data-cy="medsam2-server"
      data-phase={phase}
      data-tip={details.filter((detail) => detail !== '').join(' · ') || undefined}
    >
      {t(`panel.server.${phase}`)}
    </span>
  );
}

/** What keeps the server away, and what can be done. */
function ServerTrouble() {
  const { t, text, actions } = usePanel();
  const server = useWork((state) => state.server);
  if (server.phase === 'online') {
    return server.canSegment ? null : <p className="m2-note">{t('panel.server.read-only')}</p>;
  }
  if (server.phase === 'connecting') return null;
  return (
    <div className={`m2-box m2-${phaseLook[server.phase]}`} data-cy="medsam2-server-trouble">
      <p>{text({ problem: server.problem })}</p>
      <p className="m2-row">
        <Button
          label={server.phase === 'offline' ? t('panel.server.retry') : t('panel.server.logged-in')}
          cy="medsam2-reconnect"
          onPress={() => void actions.reconnect()}
        />
        <NextTry server={server} />
      </p>
    </div>
  );
}

function NextTry({ server }: { readonly server: ServerState }) {
  const { t } = usePanel();
  const retryAt = server.phase === 'offline' ? server.retryAt : undefined;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (retryAt === undefined) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [retryAt]);
  if (retryAt === undefined) return null;
  const seconds = Math.max(0, Math.ceil((retryAt - now) / 1000));
  return <span className="m2-muted">{t('panel.server.next-try', { seconds })}</span>;
}
