import { randomUUID } from 'node:crypto';

/** A new unique identifier, derived from a random UUID (PS3.5 section B.2). */
export const newUid = (): string => `2.25.${BigInt(`0x${randomUUID().replaceAll('-', '')}`)}`;

/** Whether a text is a unique identifier: numbers without leading zeros, 64 characters at most (PS3.5 section 9.1). */
export const isUid = (text: string): boolean => text.length <= 64 && /^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$/.test(text);
