import { UserError } from '@medsam2/models';
import {
  listenMonaiLabel,
  listenNnInteractive,
  listenSlicerBridge,
  type BridgeDeps,
  type ClientVolume,
  type ImageStack,
  type ListenPromptedSettings,
  type ListenSettings,
  type RunningBridge,
} from '@medsam2/slicer-bridge';
import { NpzArchive } from '../imaging/formats/npz.js';
import { pixelGrid } from '../imaging/geometry.js';
import { createImageSource, resolveWindow } from '../imaging/window.js';
import { openImageFile, readArrayFile } from './files.js';

export type SlicerBridgeDeps = Pick<BridgeDeps, 'segmenters' | 'log' | 'authenticate' | 'temporaryFolder'>;

/**
 * Starts the bridge for 3D Slicer's MedSAM module on a port of its own.
 *
 * @throws UserError `port-taken`
 */
export const startSlicerBridge = (deps: SlicerBridgeDeps, settings: ListenSettings): Promise<RunningBridge> =>
  bound('SLICER_PORT', settings, () =>
    listenSlicerBridge(
      { ...deps, openArchive: (path, limits) => NpzArchive.open(path, limits), betterStack },
      settings,
    ),
  );

/**
 * Starts the server that the nnInteractive module of 3D Slicer (0.x) asks.
 *
 * @throws UserError `port-taken`
 */
export const startNnInteractive = (deps: SlicerBridgeDeps, settings: ListenPromptedSettings): Promise<RunningBridge> =>
  bound('NNINTERACTIVE_PORT', settings, () =>
    listenNnInteractive({ ...deps, readArray: readArrayFile, betterStack }, settings),
  );

/**
 * Starts the server that the MONAI Label module of 3D Slicer asks.
 *
 * @throws UserError `port-taken`
 */
export const startMonaiLabel = (deps: SlicerBridgeDeps, settings: ListenPromptedSettings): Promise<RunningBridge> =>
  bound('MONAILABEL_PORT', settings, () =>
    listenMonaiLabel({ ...deps, openImage: openImageFile, betterStack }, settings),
  );

async function bound(
  variable: string,
  { port }: { readonly port: number },
  listen: () => Promise<RunningBridge>,
): Promise<RunningBridge> {
  try {
    return await listen();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    throw new UserError(
      'port-taken',
      `The port ${port} for 3D Slicer cannot be had (${code}).`,
      `Stop the program that uses it, or choose another one: ${variable}.`,
      { cause: error },
    );
  }
}

/** The window that the command line would choose: abdomen for what looks like CT, else percentiles. */
function betterStack(volume: ClientVolume): ImageStack {
  const { slices, rows, columns, channels, voxels } = volume;
  const geometry = pixelGrid(columns, rows, slices);
  // The plug-in's own windowing leaves 0..255 in the stored type: such images are made for display.
  const displayReady = voxels instanceof Uint8Array || isDisplayed(voxels);
  const image = { voxels, channels, geometry, kind: 'stack' as const, findings: [], displayReady };
  return createImageSource(image, resolveWindow(image, { kind: 'auto' }));
}

function isDisplayed(voxels: ClientVolume['voxels']): boolean {
  let highest = -Infinity;
  for (let i = 0; i < voxels.length; i++) {
    if (!(voxels[i] >= 0 && voxels[i] <= 255)) return false;
    if (voxels[i] > highest) highest = voxels[i];
  }
  return highest > 1;
}
