import { jest } from '@jest/globals';
import { parseOptions } from './options.js';

describe('options of the demonstration', () => {
  let said: string;
  beforeEach(() => {
    said = '';
    for (const stream of [process.stdout, process.stderr])
      jest.spyOn(stream, 'write').mockImplementation((text) => {
        said += String(text);
        return true;
      });
  });
  afterEach(() => jest.restoreAllMocks());

  it('have defaults that need nothing', () => {
    expect(parseOptions([], '/repo')).toEqual({
      port: 8787,
      ohif: '3.12.10',
      data: '/repo/.cache/demo',
      fresh: false,
      check: false,
      headed: false,
    });
  });

  it.each([['--port', 'x'], ['--port', '70000'], ['--port', '-1'], ['--prot', '1'], ['surplus']])(
    'refuse %s %s with a word about it',
    (...args) => {
      expect(() => parseOptions(args, '/repo')).toThrow();
      expect(said).toMatch(/^error: /);
    },
  );

  it('explain themselves', () => {
    expect(() => parseOptions(['--help'], '/repo')).toThrow();
    expect(said).toContain('--fresh');
    expect(said).toContain('DICOMWEB_URL');
    expect(said).toContain('3.13.2');
  });
});
