import { UserError } from '@medsam2/models';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Device } from './protocol.js';

/** What the operator may ask for; `cuda:1` names the second card. */
export type DeviceChoice = { readonly kind: 'auto' } | { readonly kind: Device; readonly index: number };

/** Devices of which a machine may have several that the runtime can tell apart. */
const numbered: readonly Device[] = ['cuda', 'dml'];

export const deviceNames: readonly Device[] = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml'];

/**
 * Read `auto`, `cpu`, `cuda`, `cuda:1`, `webgpu`, `coreml` or `dml`.
 * @throws UserError `device-unknown`
 */
export function parseDevice(text: string): DeviceChoice {
  const match = /^([a-z]+)(?::(\d{1,2}))?$/.exec(text.toLowerCase());
  const kind = deviceNames.find((name) => name === match?.[1]);
  const index = match?.[2];
  if (kind !== undefined && Number(index ?? 0) > 0 && !numbered.includes(kind)) {
    throw new UserError(
      'device-unknown',
      `"${text}" names one of several devices, which ${kind} does not tell apart.`,
      `Write ${kind}.`,
    );
  }
  if (kind !== undefined) return { kind, index: Number(index ?? 0) };
  if (text.toLowerCase() === 'auto') return { kind: 'auto' };
  throw new UserError(
    'device-unknown',
    `"${text}" is not a device.`,
    `Choose auto, ${deviceNames.join(', ')}; a number after a colon chooses among several cards, as in cuda:1.`,
  );
}

/** What of the machine decides which devices are tried; handed in for tests. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  /** an NVIDIA card with its driver */
  readonly nvidia: boolean;
  /** a graphics card that WebGPU can reach through a Vulkan driver */
  readonly renderNode: boolean;
  readonly cores: number;
}

export function inspectMachine(): Machine {
  const hasRenderNode = existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  return {
    platform: process.platform,
    nvidia: existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version'),
    renderNode: hasRenderNode,
    cores: availableParallelism(),
  };
}

/**
 * Devices in the order in which `auto` tries them. A software Vulkan driver would accept WebGPU and be slower than
 * the CPU, therefore WebGPU is tried only where there is a card.
 */
export function autoOrder(machine: Machine): Device[] {
  if (machine.platform === 'darwin') return ['coreml', 'webgpu', 'cpu'];
  if (machine.platform === 'win32') return ['dml', 'webgpu', 'cpu'];
  return [
    ...(machine.nvidia ? (['cuda'] as const) : []),
    ...(machine.nvidia || machine.renderNode ? (['webgpu'] as const) : []),
    'cpu',
  ];
}

/** More than 8 threads gain little on graphs of this size, and leave no core for the rest of the program. */
export function defaultThreads(machine: Machine): number {
  return Math.max(1, Math.min(8, machine.cores));
}
