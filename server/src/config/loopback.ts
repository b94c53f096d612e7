import { isIPv4, isIPv6 } from 'node:net';

/** Whether an address or host name can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (name === 'localhost' || name === '::1') return true;
  if (isIPv4(name)) return name.startsWith('127.');
  return isIPv6(name) && /^::ffff:127\./.test(name);
}
