import { listSettings, pacsVariables } from './settings.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => (text === '' ? '' : `\`${cell(text)}\``);

/** The settings as a table in Markdown, for docs/server.md; a test compares it with what stands there. */
export function settingsTable(): string {
  const rows = listSettings().map(({ path, env = '', secret, default: value, description }) => {
    const shown = value === undefined ? '' : JSON.stringify(value);
    const variable = code(env) + (secret ? ` or ${code(`${env}_FILE`)}` : '');
    const short = shown.length > 60 ? 'see `--print-config`' : code(shown);
    return `| ${code(path.join('.'))} | ${variable} | ${short} | ${cell(description)} |`;
  });
  const shortcuts = pacsVariables.map(({ env, secret, description }) => {
    const variable = code(env) + (secret ? ` or ${code(`${env}_FILE`)}` : '');
    return `| | ${variable} | | ${cell(description)} |`;
  });
  return ['| setting | variable | default | what |', '| --- | --- | --- | --- |', ...rows, ...shortcuts].join('\n');
}
