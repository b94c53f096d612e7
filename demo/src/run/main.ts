/** What `npm run demo` runs once everything is built. */
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { UserError } from '@medsam2/models';
import { repositoryRoot } from '../repository.js';
import { check } from '../check/check.js';
import { parseOptions, type DemoOptions } from './options.js';
import { startDemo, type Demo } from './start.js';
import { welcome } from './welcome.js';

/** @returns the exit code of the program */
export async function main(args: readonly string[]): Promise<number> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  let options: DemoOptions;
  try {
    options = parseOptions(args, repositoryRoot());
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  let demo: Demo | undefined;
  const signals = interruption();
  try {
    demo = await startDemo({
      repository: repositoryRoot(),
      data: options.data,
      fresh: options.fresh,
      port: options.port,
      ohif: options.ohif,
      model: 'nano',
      environment: process.env,
      say,
    });
    if (options.check) {
      await checkViewer(demo, options, say);
      return 0;
    }
    if (!signals.wasAsked()) process.stdout.write(welcome(demo));
    const code = await Promise.race([signals.asked.then(() => 0), demo.ended]);
    say(signals.wasAsked() ? '\nStopping' : `The server has ended; its log is ${options.data}/server.log`);
    return signals.wasAsked() ? 0 : (code ?? 1);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(`error: ${error.message}\n${error.remedy}`);
    return 1;
  } finally {
    await demo?.stop();
    signals.close();
  }
}

async function checkViewer(demo: Demo, options: DemoOptions, say: (text: string) => void): Promise<void> {
  if (!demo.plugin) {
    throw new UserError('no-plugin', 'The plug-in is not built.', 'Run npm run build:plugin, then try again.');
  }
  say('Segmenting the liver of the CT in a browser');
  const [study] = demo.studies;
  const structure = 'liver';
  const pictures = join(options.data, 'pictures');
  const { headed, ohif } = options;
  const { dice, slices, firstMaskMs, propagationMs } = await check({ ...demo, study, structure, headed, pictures });
  process.stdout.write(
    `ok: OHIF ${ohif}, ${structure} on ${slices} slices, Dice ${dice.toFixed(3)} of the SEG read back from the PACS; ` +
      `mask ${Math.round(firstMaskMs)} ms after the box, volume in ${(propagationMs / 1000).toFixed(1)} s\n`,
  );
}

/** The first SIGINT or SIGTERM asks for an orderly end; a second one ends the program as usual. */
function interruption(): { asked: Promise<void>; wasAsked(): boolean; close(): void } {
  let was = false;
  let close = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    const ask = (): void => {
      was = true;
      close();
      resolve();
    };
    close = () => {
      process.off('SIGINT', ask);
      process.off('SIGTERM', ask);
    };
    process.on('SIGINT', ask);
    process.on('SIGTERM', ask);
  });
  return { asked, wasAsked: () => was, close: () => close() };
}
