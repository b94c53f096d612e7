import { op, tensorOps } from '../testing-checkpoints.js';
import { userError } from '../testing-errors.js';
import { readPickle } from './pickle.js';
import { PickleDict, PickledTensor } from './pickle-values.js';

const join = (...parts: (Buffer | string | number[])[]) =>
  Buffer.concat([
    op.proto,
    ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  ]);

describe('readPickle', () => {
  it('reads what torch.save writes: dicts, tensors, numbers, text, None, booleans, long integers', () => {
    const value = readPickle(
      join(
        ...['}(', op.text('w'), tensorOps('7', [2, 3], [3, 1], 6), op.text('epoch'), op.int(-5)],
        ...[op.text('loss'), 'G', [0x3f, 0xe0, 0, 0, 0, 0, 0, 0], op.text('big'), [0x8a, 6], [0, 0, 0, 0, 0, 1]],
        ...[op.text('negative'), [0x8a, 2, 0x00, 0xff], op.text('none'), 'N', op.text('list'), '](', [0x88, 0x89], 'e'],
        'u.',
      ),
    );
    expect(value).toBeInstanceOf(PickleDict);
    const { entries } = value as PickleDict;
    expect(entries.get('epoch')).toBe(-5);
    expect(entries.get('loss')).toBe(0.5);
    expect(entries.get('big')).toBe(2 ** 40);
    expect(entries.get('negative')).toBe(-256);
    expect(entries.get('none')).toBeNull();
    expect(entries.get('list')).toEqual([true, false]);
    const tensor = entries.get('w');
    expect(tensor).toBeInstanceOf(PickledTensor);
    expect(tensor).toMatchObject({ shape: [2, 3], stride: [3, 1], offset: 0, storage: { key: '7', elements: 6 } });
  });

  const refusedByName: [string, Buffer, RegExp][] = [
    [
      'os.system through REDUCE',
      join(op.global('os', 'system'), '(', op.text('touch /tmp/owned'), 'tR.'),
      /os\.system/,
    ],
    ['builtins.eval', join(op.global('builtins', 'eval'), '(', op.text('1'), 'tR.'), /builtins\.eval/],
    ['a global beside an allowed one', join(op.global('torch', 'load'), '.'), /torch\.load/],
    [
      'a global named like an object member',
      join(op.global('__proto__', 'constructor'), '.'),
      /__proto__\.constructor/,
    ],
    ['a storage type that is not known', join(op.global('torch', 'QInt8Storage'), '.'), /torch\.QInt8Storage/],
    ['a global with control characters', join(op.global('a\u001b[31m', 'b'), '.'), /a\?\[31m\.b/],
    ['STACK_GLOBAL', join(op.text('os'), op.text('system'), [0x93], '.'), /STACK_GLOBAL/],
    ['INST', join('(', op.text('x'), 'ios\nsystem\n.'), /INST/],
    ['OBJ', join('(', op.global('collections', 'OrderedDict'), 'o.'), /OBJ/],
    ['NEWOBJ', join(op.global('collections', 'OrderedDict'), ')', [0x81], '.'), /NEWOBJ/],
    ['EXT1', join([0x82, 1], '.'), /EXT1/],
    ['a byte that is no opcode', join([0xff], '.'), /0xff/],
    ['BUILD on a list', join(']}b.'), /BUILD/],
    ['protocol 4', Buffer.from([0x80, 4, 0x2e]), /protocol 4/],
  ];
  it.each(refusedByName)('refuses %s and names it', async (_, bytes, name) => {
    const error = await userError(() => readPickle(bytes));
    expect(error.code).toMatch(/^checkpoint-forbidden-(global|opcode)$/);
    expect(error.message).toMatch(name);
  });

  const malformed: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['no STOP', join('}')],
    ['STOP on an empty stack', join('.')],
    ['a mark without end', join('(.')],
    ['SETITEMS without a mark', join('}u.')],
    ['a text that declares 4 GB', join('X', [0xff, 0xff, 0xff, 0xff], 'abc.')],
    ['a text longer than the file', join('X', [0xff, 0, 0, 0], 'abc.')],
    ['a LONG longer than the file', join([0x8a, 200, 1], '.')],
    ['an unknown memo', join('h', [3], '.')],
    ['a storage that is no tuple', join(op.text('storage'), 'Q.')],
    ['a tensor of a text', join(op.global('torch._utils', '_rebuild_tensor_v2'), '(', op.text('x'), 'tR.')],
    ['a negative shape', join(tensorOps('0', [-2, 3], [3, 1], 6), '.')],
    [
      'a shape whose product overflows',
      join(tensorOps('0', Array<number>(16).fill(2 ** 31 - 1), Array<number>(16).fill(1), 6), '.'),
    ],
    ['a negative storage', join(tensorOps('0', [2], [1], -2), '.')],
    ['a call of a storage type', join(op.global('torch', 'FloatStorage'), ')R.')],
    ['a call of a dict', join('})R.')],
    ['an OrderedDict with arguments', join(op.global('collections', 'OrderedDict'), '(', op.int(1), 'tR.')],
    ['a dict key that is a list', join('}]Ns.')],
    ['text that is not UTF-8', join('X', [2, 0, 0, 0, 0xff, 0xfe], '.')],
    ['a global without end', join('cos')],
  ];
  it.each(malformed)('refuses a pickle with %s', async (_, bytes) => {
    expect((await userError(() => readPickle(bytes))).code).toMatch(/^checkpoint-(malformed-pickle|pickle-limit)$/);
  });

  const bombs: [string, Buffer][] = [
    ['nested marks', Buffer.alloc(5_000, '(')],
    ['a deep stack', Buffer.alloc(200_000, ']')],
    [
      'a million memo reads',
      join(
        '}q',
        [0],
        Buffer.from('(' + 'h\0'.repeat(90_000) + 't')
          .toString('latin1')
          .repeat(10),
        '.',
      ),
    ],
    ['more bytes than any checkpoint needs', Buffer.alloc(17 * 2 ** 20, '}')],
  ];
  it.each(bombs)('refuses %s', async (_, bytes) => {
    expect((await userError(() => readPickle(bytes))).code).toBe('checkpoint-pickle-limit');
  });

  it('holds a list that contains itself many times over without expanding it', () => {
    const doubling = Array.from({ length: 60 }, (_, level) => [
      ...Buffer.from('](h'),
      level,
      ...Buffer.from('h'),
      level,
      0x65,
      0x71,
      level + 1,
    ]);
    expect(Array.isArray(readPickle(join(']q', [0], doubling.flat(), '.')))).toBe(true);
  });

  it('reads a deeply nested value without using the call stack', () => {
    const nested = Buffer.concat([Buffer.alloc(50_000, ']'), Buffer.alloc(49_999, 'a')]);
    expect(Array.isArray(readPickle(join(nested, '.')))).toBe(true);
  });

  it('never fails with anything but a UserError, whatever the bytes', async () => {
    const good = join('}(', op.text('w'), tensorOps('0', [2, 3], [3, 1], 6), 'u.');
    for (let length = 0; length < good.length; length++) await userError(() => readPickle(good.subarray(0, length)));
    let state = 12345;
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(good);
      for (let edits = 0; edits < 3; edits++) {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        bytes[state % bytes.length] = (state >> 8) & 0xff;
      }
      try {
        readPickle(bytes);
      } catch (error) {
        await userError(() => {
          throw error;
        });
      }
    }
  });
});
