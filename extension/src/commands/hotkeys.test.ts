import type { HotkeyBinding } from '../host/types/ohif.js';
import { catalogueOf } from '../i18n/catalogue.js';
import { languages } from '../i18n/area.js';
import { keys, panelHotkeys, withOurHotkeys } from './hotkeys.js';
import { commandContext, commandNames } from './names.js';

/** OHIF's bindings, the same in 3.11.1, 3.12.10 and 3.13.2, and those of its ultrasound mode. */
const hostKeys: readonly (readonly [command: string, key: string, toolName?: string])[] = [
  ['setToolActive', 'z', 'Zoom'],
  ...['+', '-', '=', 'r', 'l', 'h', 'v', 'c', 'i', 'right', 'left', 'pageup', 'pagedown', '.', ',', 'down', 'up'].map(
    (key) => ['other', key] as const,
  ),
  ...['home', 'end', 'space', 'esc', '1', '2', '3', '4', 'backspace', 'enter', 'n', ']', '['].map(
    (key) => ['other', key] as const,
  ),
  ['undo', 'ctrl+z'],
  ['redo', 'ctrl+y'],
  ['setToolActive', 'e', 'CircularEraser'],
  ['setToolActive', 'b', 'CircularBrush'],
  ['addNewSegment', 'a'],
];
const host = hostKeys.map(([commandName, key, toolName]): HotkeyBinding => ({
  commandName,
  label: commandName,
  keys: [key],
  ...(toolName === undefined ? {} : { commandOptions: { toolName } }),
}));

test('no key does two things', () => {
  const all = withOurHotkeys(host, (key) => key).map(({ keys: [key] }) => key.toLowerCase());
  expect(all).toHaveLength(new Set(all).size);
});

test('undo, redo, brushes and a new segment are those of the session; everything else of the host stays', () => {
  const all = withOurHotkeys(host, (key) => key);
  const of = (key: string) => all.find((binding) => binding.keys[0] === key)?.commandName;
  expect([of('ctrl+z'), of('ctrl+y'), of('b'), of('a')]).toEqual([
    'medsam2Undo',
    'medsam2Redo',
    'medsam2Tool',
    'medsam2AddSegment',
  ]);
  expect(of('z')).toBe('setToolActive');
  expect(all).toHaveLength(host.length - 5 + keys.length);
});

test('entering the mode again adds nothing', () => {
  const once = withOurHotkeys(host, (key) => key);
  expect(withOurHotkeys(once, (key) => key)).toEqual(once);
});

// OHIF takes what stands before a colon for the name of a list of texts, and leaves it out.
test('every key has a command and a name in every language', () => {
  for (const { command, label } of keys) {
    expect(commandNames).toContain(command);
    for (const language of languages) expect(catalogueOf(language)[label]).toMatch(/^MedSAM2 [^:.]+$/);
  }
  expect(withOurHotkeys([], (key) => key).every(({ context }) => context === commandContext)).toBe(true);
});

test('the panel shows keys as they are pressed', () => {
  expect(panelHotkeys).toMatchObject({ box: 'X', undo: 'Ctrl+Z', propagate: 'G', stop: 'Shift+G' });
});
