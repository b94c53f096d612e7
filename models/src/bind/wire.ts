/**
 * The protobuf wire format, as far as needed to change a few fields of a message and to copy all others byte for byte
 * (Protocol Buffers, "Encoding"). Nothing is decoded that is not changed, so nothing can be lost or rounded.
 */

export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes */
  readonly wireType: number;
  /** the whole field, tag included */
  readonly bytes: Uint8Array;
  /** what follows the tag (and the length) */
  readonly payload: Uint8Array;
}

/**
 * The fields of a message, in order.
 *
 * @throws RangeError when the bytes are no message
 */
export function* fields(message: Uint8Array): Generator<Field> {
  for (let at = 0; at < message.length;) {
    const start = at;
    const tag = readVarint(message, at);
    at = tag.end;
    const wireType = tag.value & 7;
    let payload = at;
    if (wireType === 0) at = readVarint(message, at).end;
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = readVarint(message, at);
      payload = length.end;
      at = payload + length.value;
    } else throw new RangeError(`wire type ${wireType} at byte ${start}`);
    if (at > message.length) throw new RangeError(`a field ends beyond byte ${message.length}`);
    const number = Math.floor(tag.value / 8);
    yield { number, wireType, bytes: message.subarray(start, at), payload: message.subarray(payload, at) };
  }
}

/** A whole number up to 2^53; enough for lengths, types and tensor sizes. */
export function varintOf({ wireType, payload }: Field): number {
  if (wireType !== 0) throw new RangeError('a number was expected');
  return readVarint(payload, 0).value;
}

export function textOf({ wireType, payload }: Field): string {
  if (wireType !== 2) throw new RangeError('a text was expected');
  return new TextDecoder('utf-8', { fatal: true }).decode(payload);
}

/** Repeated whole numbers of one field, packed or not. */
export function varintsOf(field: Field): number[] {
  if (field.wireType !== 2) return [varintOf(field)];
  const values: number[] = [];
  for (let at = 0; at < field.payload.length;) {
    const { value, end } = readVarint(field.payload, at);
    values.push(value);
    at = end;
  }
  return values;
}

export function varintField(number: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(number * 8), ...varint(value)]);
}

export function textField(number: number, text: string): Uint8Array {
  return messageField(number, [new TextEncoder().encode(text)]);
}

/** A length-delimited field of the given parts, one after the other. */
export function messageField(number: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concat([Uint8Array.from([...varint(number * 8 + 2), ...varint(length)]), ...parts]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start, scale = 1; at < bytes.length && at < start + 10; at++, scale *= 128) {
    value += (bytes[at] & 0x7f) * scale;
    if (bytes[at] < 0x80) return { value, end: at + 1 };
  }
  throw new RangeError(`a number at byte ${start} has no end`);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) + 0x80);
  return [...bytes, value];
}
