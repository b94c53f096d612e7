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
  // As browsers do by themselves where there is no graphics card: only WebGL goes through the card that software plays.
  // Debian's package asks for all of the page to go through it, which takes the time of both cores.
  '--disable-gpu-compositing',
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

export interface LaunchOptions {
  readonly headed?: boolean;
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
    args: [...flags, ...(options.flags ?? [])],
  });
}
