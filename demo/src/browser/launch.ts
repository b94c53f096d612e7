/** A real Chromium, driven without a window and with software rendering. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { UserError } from '@medsam2/models';

const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const flags = [
  // containers run as root and without namespaces of their own
  '--no-sandbox',
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  // Debian's package asks for it. Without a graphics card it takes the time of both cores.
  '--disable-gpu-rasterization',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // without a window the page would count as hidden, and its timers be slowed down
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

/** The program that `CHROMIUM` names, or where packages put it; undefined: none. */
export function findChromium(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  return [environment.CHROMIUM, ...usual].find((path) => path !== undefined && existsSync(path));
}

/** As browsers do by themselves where there is no graphics card: only WebGL goes through the card that software plays. */
const composedInSoftware = '--disable-gpu-compositing';

export interface LaunchOptions {
  readonly headed?: boolean;
  /**
   * Who puts the page together: `gl`, also the card that software plays. Pages wait less for what WebGL draws then, and
   * people wait longer for what they see. Default: `software`
   */
  readonly compositing?: 'software' | 'gl';
  /** more flags of Chromium */
  readonly flags?: readonly string[];
}

/** @throws UserError `chromium-missing` */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new UserError(
      'chromium-missing',
      'There is no Chromium on this machine.',
      'Install the Debian package chromium, or name a program with CHROMIUM=/path/to/chromium.',
    );
  }
  return chromium.launch({
    executablePath,
    headless: options.headed !== true,
    args: [...flags, ...(options.compositing === 'gl' ? [] : [composedInSoftware]), ...(options.flags ?? [])],
  });
}
