import { UserError } from '@medsam2/models';
import type { Command } from 'commander';
import { basename, dirname, resolve } from 'node:path';
import type { CliIo } from '../io.js';
import { UsageError } from '../exit.js';

interface ExampleFlags {
  readonly labels?: string;
  readonly force?: boolean;
}

/** Adds `medsam2 example`: a made-up CT to try the program on, and its truth. */
export function registerExample(program: Command, io: CliIo): void {
  program
    .command('example')
    .description('Write a made-up CT volume to try the program on; it shows no patient')
    .argument('<file>', 'NIfTI to write: .nii.gz')
    .option('--labels <file>', 'also write the true label map: .nii.gz, .nii, .nrrd, .mha or .npz')
    .option('--force', 'replace files that are there')
    .addHelpText(
      'after',
      `
Example:
  medsam2 example example.nii.gz --labels truth.nii.gz`,
    )
    .action((file: string, flags: ExampleFlags) => writeExample(file, flags, io));
}

async function writeExample(file: string, flags: ExampleFlags, io: CliIo): Promise<void> {
  const { makeExample } = await import('../../example/abdomen.js');
  const { labelFileFormat, writeLabelMap } = await import('../../imaging/write.js');
  const { writeNiftiImage } = await import('../../imaging/formats/nifti-image-write.js');
  const { checkOutputFile, makeFolder } = await import('../segment/outputs.js');
  const path = resolve(io.cwd, file);
  if (!path.toLowerCase().endsWith('.nii.gz')) {
    throw new UserError('output-format', 'The name of the example does not end in .nii.gz.', 'End it in .nii.gz.');
  }
  const truthPath = flags.labels === undefined ? undefined : resolve(io.cwd, flags.labels);
  await checkOutputFile(path, flags.force === true);
  if (truthPath !== undefined) {
    labelFileFormat(truthPath);
    if (truthPath === path) throw new UsageError('FILE and --labels name the same file.', 'Give two names.');
    await checkOutputFile(truthPath, flags.force === true);
  }
  const { volume, truth, objects } = makeExample();
  await makeFolder(dirname(path));
  await writeNiftiImage(path, volume.voxels, volume.geometry);
  if (truthPath !== undefined) {
    await makeFolder(dirname(truthPath));
    await writeLabelMap(truthPath, truth);
  }
  const print = (line: string): void => void io.stdout.write(`${line}\n`);
  print(`${basename(path)}: a made-up abdomen, ${volume.geometry.slices} slices. Try:`);
  for (const { label, name, slice, box } of objects) {
    print(
      `  medsam2 segment ${file} --object ${label}=${name} --slice ${slice} --box ${box.join(',')} -o ${name}.nii.gz`,
    );
  }
}
