import { UserError } from '@medsam2/models';
import { BlockList, isIP } from 'node:net';

export interface WebhookRules {
  /** `host` or `host:port`, with `http://` in front where encryption is done without; the port is 443 (80) otherwise */
  readonly hosts: readonly string[];
  /** whether hosts may have addresses of private networks */
  readonly allowPrivate: boolean;
}

/**
 * The address to tell, when the operator allows its host.
 *
 * @throws UserError `webhook-not-allowed`
 */
export function allowedWebhook(address: string, { hosts }: WebhookRules): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isPlain = url !== undefined && url.username === '' && url.password === '' && /^https?:$/.test(url.protocol);
  if (isPlain && hosts.some((host) => originOf(host) === url.origin)) return url;
  throw new UserError(
    'webhook-not-allowed',
    'The address of the webhook is not one that this server may call.',
    hosts.length === 0
      ? 'The operator has allowed no hosts: leave the webhook out, or ask for its host to be allowed.'
      : 'Use https and a host that the operator has allowed, without user and password.',
  );
}

function originOf(entry: string): string | undefined {
  const address = /^https?:\/\//i.test(entry) ? entry : `https://${entry}`;
  return URL.canParse(address) ? new URL(address).origin : undefined;
}

const reserved = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  reserved.addSubnet(network, bits, 'ipv4');
  // The same addresses behind translation (RFC 6052) and in 6to4 (RFC 3056) notation.
  reserved.addSubnet(`64:ff9b::${network}`, 96 + bits, 'ipv6');
  const [a, b, c, d] = network.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  reserved.addSubnet(`2002:${a}${b}:${c}${d}::`, 16 + bits, 'ipv6');
}
for (const [network, bits] of [
  ['::', 127],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  reserved.addSubnet(network, bits, 'ipv6');
}

/** Addresses that are not of the public internet (RFC 6890): of this machine, of private networks, of nobody. */
export function isPrivateAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return true;
  return reserved.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}
