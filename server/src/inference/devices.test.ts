import { UserError } from '@medsam2/models';
import { autoOrder, defaultThreads, deviceNames, inspectMachine, parseDevice, type Machine } from './devices.js';

describe('parseDevice', () => {
  it.each([
    ['auto', { kind: 'auto' }],
    ['AUTO', { kind: 'auto' }],
    ['cpu', { kind: 'cpu', index: 0 }],
    ['cpu:0', { kind: 'cpu', index: 0 }],
    ['CUDA', { kind: 'cuda', index: 0 }],
    ['cuda:1', { kind: 'cuda', index: 1 }],
    ['dml:12', { kind: 'dml', index: 12 }],
    ['webgpu', { kind: 'webgpu', index: 0 }],
    ['coreml', { kind: 'coreml', index: 0 }],
  ])('reads %s', (text, expected) => {
    expect(parseDevice(text)).toEqual(expected);
  });

  it.each(['', 'gpu', 'cuda:', 'cuda:x', 'cuda:-1', 'cuda:100', 'auto:1', ' cpu', 'cpu cuda', 'webgpu:1', 'cpu:3'])(
    'refuses "%s" and says what it knows',
    (text) => {
      try {
        parseDevice(text);
        throw new Error('it was read');
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        expect(error).toMatchObject({
          code: 'device-unknown',
          message: expect.stringContaining(`"${text}"`) as string,
        });
      }
    },
  );
});

describe('autoOrder', () => {
  const machine: Machine = { platform: 'linux', nvidia: false, renderNode: false, cores: 4 };

  it.each<[string, Partial<Machine>, string[]]>([
    ['a Linux machine without a card', {}, ['cpu']],
    ['a Linux machine with some card', { renderNode: true }, ['webgpu', 'cpu']],
    ['a Linux machine with an NVIDIA card', { nvidia: true }, ['cuda', 'webgpu', 'cpu']],
    ['a Mac', { platform: 'darwin' }, ['coreml', 'webgpu', 'cpu']],
    ['a Windows machine', { platform: 'win32', nvidia: true }, ['dml', 'webgpu', 'cpu']],
  ])('on %s', (_, more, expected) => {
    expect(autoOrder({ ...machine, ...more })).toEqual(expected);
  });

  it('ends with the CPU on this machine, with known devices only', () => {
    const order = autoOrder(inspectMachine());
    expect(order.at(-1)).toBe('cpu');
    for (const device of order) expect(deviceNames).toContain(device);
  });
});

test('threads follow the cores, at most eight, at least one', () => {
  const threads = (cores: number) => defaultThreads({ platform: 'linux', nvidia: false, renderNode: false, cores });
  expect([0, 1, 2, 8, 64].map(threads)).toEqual([1, 1, 2, 8, 8]);
});
