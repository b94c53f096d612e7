import { Option, type Command } from 'commander';
import type { CliIo } from '../io.js';
import { deviceValue, memoryValue, wholeValue } from '../option-values.js';
import type { BridgeFlags } from '../slicer-bridge.js';

/** Adds `medsam2 slicer-bridge`: the server of 3D Slicer's MedSAM module, without the rest of the server. */
export function registerSlicerBridge(program: Command, io: CliIo): void {
  program
    .command('slicer-bridge')
    .description('Serve the MedSAMSlicer module of 3D Slicer; the module itself stays as it is')
    .addOption(
      new Option('--port <n>', 'port to listen on; 0: any free one')
        .argParser(wholeValue('--port', 0, 65535))
        .env('SLICER_PORT')
        .default(8080),
    )
    .addOption(
      new Option('--listen <where>', 'this machine only, or every network interface')
        .choices(['loopback', 'all'])
        .default('loopback'),
    )
    .option(
      '--model <name>',
      'model where the module names none that is installed (default: medsam2-latest, or the only one)',
    )
    .addOption(
      new Option('--semantics <how>', 'results as of the module’s own server, or the better ones (docs/slicer.md)')
        .choices(['compat', 'better'])
        .default('compat'),
    )
    .addOption(
      new Option('--nninteractive <port>', 'serve the nnInteractive module (0.x) too, on this port').argParser(
        wholeValue('--nninteractive', 0, 65535),
      ),
    )
    .addOption(
      new Option('--monailabel <port>', 'serve the MONAI Label module too, on this port').argParser(
        wholeValue('--monailabel', 0, 65535),
      ),
    )
    .addOption(
      new Option(
        '--reach <slices>',
        'for these two: slices beyond the clicks that are segmented (default: all)',
      ).argParser(wholeValue('--reach', 0, 100_000)),
    )
    .option('--users <file>', 'serve only these users: one user:password per line')
    .option('--allow-model-uploads', 'take weights from clients; nothing in them is executed')
    .addOption(
      new Option('--trust-proxy <addresses...>', 'reverse proxies whose X-Forwarded-For is believed, e.g. loopback'),
    )
    .option('--device <device>', 'auto, cpu, cuda[:n], webgpu, coreml or dml', deviceValue, { kind: 'auto' })
    .option('--threads <n>', 'CPU threads of one graph run', wholeValue('--threads', 1, 1024))
    .option('--memory <size>', 'slice features kept per model, e.g. 1GiB', memoryValue)
    .addHelpText(
      'after',
      `
In 3D Slicer's MedSAM module: IP = address of this machine, Port = 8080; several people: Port = 8080/u/NAME.
It runs until it is interrupted.

Examples:
  medsam2 slicer-bridge
  medsam2 slicer-bridge --listen all --users users.txt --model medsam2-latest
  medsam2 slicer-bridge --nninteractive 1527 --monailabel 8000`,
    )
    .action(async (flags: BridgeFlags) => {
      const { runSlicerBridge } = await import('../slicer-bridge.js');
      await runSlicerBridge(flags, io);
    });
}
