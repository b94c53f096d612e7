import { describeError, UserError } from '@medsam2/models';
import { Command, CommanderError } from 'commander';
import { isAbort } from '../engine/index.js';
import { registerAudit } from './commands/audit.js';
import { registerBench } from './commands/bench.js';
import { registerDoctor } from './commands/doctor.js';
import { registerEvaluate } from './commands/evaluate.js';
import { registerExample } from './commands/example.js';
import { registerModels } from './commands/models.js';
import { registerSegment } from './commands/segment.js';
import { registerServe } from './commands/serve.js';
import { registerSlicerBridge } from './commands/slicer-bridge.js';
import { exitCodes, ExitError } from './exit.js';
import { processIo, type CliIo } from './io.js';
import { programVersion } from './versions.js';

/**
 * Runs the command line.
 *
 * @param argv arguments without the interpreter and the script
 * @returns the exit code (docs/cli.md)
 */
export async function main(argv: readonly string[], given?: CliIo): Promise<number> {
  const verbose = argv.includes('--verbose');
  const { io, release } =
    given === undefined
      ? processIo((error) => void explain(error, process.stderr, verbose))
      : { io: given, release: () => undefined };
  try {
    await createProgram(io).parseAsync([...argv], { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof CommanderError) && (io.signal.aborted || isAbort(error))) {
      io.stderr.write('Interrupted: nothing was left half-written.\n');
      return exitCodes.interrupted;
    }
    return explain(error, io.stderr, verbose);
  } finally {
    release();
  }
}

/** The composition root: every command, with what it needs handed in. */
export function createProgram(io: CliIo): Command {
  const program = new Command('medsam2')
    .description('Promptable 3D medical segmentation: a box on one slice becomes a mask of the volume')
    .version(programVersion(), '-V, --version')
    .option('--verbose', 'show more notes, and the trace of an unexpected error')
    .helpOption('-h, --help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    });
  // Subcommands inherit output and exit settings from the program they are added to.
  registerSegment(program, io);
  registerEvaluate(program, io);
  registerModels(program, io);
  registerExample(program, io);
  registerBench(program, io);
  registerServe(program, io);
  registerDoctor(program, io);
  registerAudit(program, io);
  registerSlicerBridge(program, io);
  return program;
}

/** Prints what went wrong as a sentence and a remedy; the trace only when asked for. */
function explain(error: unknown, stderr: NodeJS.WritableStream, verbose: boolean): number {
  const say = (line: string): void => void stderr.write(`${line}\n`);
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done;
    // Its message is already printed, with the near option or command where there is one.
    if (error.code !== 'commander.help') say('Run medsam2 --help, or medsam2 COMMAND --help, for what can be said.');
    return exitCodes.usage;
  }
  const trace = (): void => {
    if (verbose && error instanceof Error) say(traceOf(error));
  };
  if (error instanceof UserError) {
    say(`error: ${error.message}`);
    say(error.remedy);
    trace();
    return error instanceof ExitError ? error.exitCode : exitCodes.failed;
  }
  if (error instanceof RangeError && /allocation failed/i.test(error.message)) {
    say('error: There is not enough memory for this volume.');
    say('Close other programs, lower --memory, or cut the volume.');
    trace();
    return exitCodes.failed;
  }
  say(`error: The program failed unexpectedly: ${describeError(error).split('\n')[0]}`);
  say(
    verbose ? 'Please report this with the trace below.' : 'Run it again with --verbose for the trace, and report it.',
  );
  trace();
  return exitCodes.unexpected;
}

function traceOf(error: Error): string {
  const own = error instanceof UserError ? `[${error.code}] ${error.stack ?? ''}` : (error.stack ?? error.message);
  return error.cause instanceof Error ? `${own}\ncaused by: ${traceOf(error.cause)}` : own;
}
