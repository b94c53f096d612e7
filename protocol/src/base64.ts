import { ProtocolError } from './protocol-error.js';

/** Bytes given to one call of a function with a limited number of arguments. */
const chunk = 8192;

/** Standard base64 with padding (RFC 4648 section 4). Runs in browsers. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += chunk) text += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return btoa(text);
}

/** @throws ProtocolError `base64-invalid` */
export function fromBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new ProtocolError('base64-invalid', 'A text is not base64.', { cause });
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
