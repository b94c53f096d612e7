import { memo, useRef, useState, type KeyboardEvent } from 'react';
import { editTools, promptTools, type EditTool, type Tool } from '../../contract/viewer.js';
import { usePanel, useReason, useWork } from '../context.js';
import { Button } from '../parts/button.js';
import { History } from './history.js';

const tools: readonly Tool[] = [...promptTools, ...editTools];
const isEdit = (tool: Tool): tool is EditTool => editTools.some((name) => name === tool);

/** The drawing tools: one stop of the Tab key, arrow keys between them. */
export const Tools = memo(function Tools() {
  const { t, actions, hotkeys } = usePanel();
  const active = useWork((state) => state.tool);
  const answering = useWork((state) => state.answering);
  const noDrawing = useReason('draw');
  const noEditing = useReason('edit');
  const [stop, setStop] = useState<Tool>('box');
  const buttons = useRef(new Map<Tool, HTMLButtonElement>());

  const go = (event: KeyboardEvent) => {
    const at = tools.indexOf(stop);
    const target = targetOf(event.key, at);
    if (target === undefined) return;
    event.preventDefault();
    setStop(tools[target]);
    buttons.current.get(tools[target])?.focus();
  };

  return (
    <section className="m2-section" aria-label={t('panel.tools')} data-cy="medsam2-tools">
      <div className="m2-toolbar" role="toolbar" aria-label={t('panel.tools')} onKeyDown={go}>
        {tools.map((tool) => (
          <span key={tool} className={tool === 'brush' ? 'm2-tool m2-apart' : 'm2-tool'} onFocus={() => setStop(tool)}>
            <Button
              ref={(button) => {
                if (button === null) buttons.current.delete(tool);
                else buttons.current.set(tool, button);
              }}
              label={t(`panel.tool.${tool}`)}
              icon={tool}
              look="quiet"
              cy={`medsam2-tool-${tool}`}
              hotkey={hotkeys[tool]}
              pressed={active === tool}
              reason={isEdit(tool) ? noEditing : noDrawing}
              tabIndex={stop === tool ? 0 : -1}
              onPress={() => actions.setTool(active === tool ? undefined : tool)}
            >
              {hotkeys[tool] === undefined ? null : <kbd aria-hidden="true">{hotkeys[tool]}</kbd>}
            </Button>
          </span>
        ))}
      </div>
      <div className="m2-row m2-top">
        <p className="m2-muted m2-hint" data-cy="medsam2-hint">
          {answering > 0 ? (
            <>
              <span className="m2-spinner" aria-hidden="true" />
              {t('panel.answering')}
            </>
          ) : (
            <>
              {noDrawing ?? (active === undefined ? t('panel.tool.choose') : t(`panel.tool.${active}.hint`))}
              {hotkeys.keyboard === undefined ? null : (
                <span className="m2-keyboard"> {t('panel.tool.keyboard', { key: hotkeys.keyboard })}</span>
              )}
            </>
          )}
        </p>
        <History />
      </div>
    </section>
  );
});

function targetOf(key: string, at: number): number | undefined {
  if (key === 'ArrowRight' || key === 'ArrowDown') return (at + 1) % tools.length;
  if (key === 'ArrowLeft' || key === 'ArrowUp') return (at + tools.length - 1) % tools.length;
  if (key === 'Home') return 0;
  if (key === 'End') return tools.length - 1;
  return undefined;
}
