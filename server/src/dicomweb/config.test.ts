import { pacsConfigSchema, withoutSecrets } from './config.js';
import { retryAfter } from './retry.js';

describe('the configuration of a PACS', () => {
  it('needs a name and an address, and has sensible values for the rest', () => {
    const config = pacsConfigSchema.parse({ name: 'main', url: 'https://pacs.example.org/dicom-web//' });
    expect(config).toMatchObject({
      url: 'https://pacs.example.org/dicom-web',
      writable: false,
      credentials: { kind: 'none' },
      timeouts: { connect: 5000, idle: 30_000 },
      retries: { attempts: 4 },
    });
  });

  it.each([
    ['credentials in the address', { url: 'http://user:secret@host/' }],
    ['a query in the address', { url: 'http://host/?x=1' }],
    ['another scheme', { url: 'file:///etc/passwd' }],
    ['a name for people', { name: 'Main PACS' }],
    ['an unknown setting', { timeout: 5 }],
    ['a token that adds a header', { credentials: { kind: 'bearer', token: 'a\r\nx: y' } }],
    ['a user with a colon', { credentials: { kind: 'basic', user: 'a:b', password: '' } }],
    ['no time at all', { timeouts: { idle: 0 } }],
  ])('refuses %s', (_, change) => {
    expect(pacsConfigSchema.safeParse({ name: 'main', url: 'http://host', ...change }).success).toBe(false);
  });

  it.each([
    { kind: 'basic', user: 'reader', password: 'secret' },
    { kind: 'bearer', token: 'secret' },
    { kind: 'oauth2', tokenUrl: 'https://id/token', clientId: 'reader', clientSecret: 'secret' },
  ])('is printed without secrets: $kind', (credentials) => {
    const config = pacsConfigSchema.parse({ name: 'main', url: 'http://host', credentials });
    expect(JSON.stringify(config)).toContain('secret');
    expect(JSON.stringify(withoutSecrets(config))).not.toContain('"secret"');
  });
});

describe('Retry-After', () => {
  it.each([
    ['3', 3000],
    ['0', 0],
    ['Wed, 21 Oct 2015 07:28:10 GMT', 10_000],
    ['Wed, 21 Oct 2015 07:27:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s', (value, milliseconds) => {
    expect(retryAfter(value, Date.UTC(2015, 9, 21, 7, 28, 0))).toBe(milliseconds);
  });
});
