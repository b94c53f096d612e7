import { hostLanguage } from './language.js';

const page = (search: string, stored: string | null) => ({
  location: { search } as Location,
  navigator: { language: 'fr-CA' } as Navigator,
  localStorage: { getItem: () => stored } as unknown as Storage,
});

test('what the address asks for, else what the viewer keeps, else the browser’s', () => {
  expect(hostLanguage(page('?lng=de', 'es'))).toBe('de');
  expect(hostLanguage(page('?StudyInstanceUIDs=1.2', 'es'))).toBe('es');
  expect(hostLanguage(page('', null))).toBe('fr-CA');
});

test('storage that the browser forbids does not stop the panel', () => {
  const forbidden = Object.defineProperty(page('', null), 'localStorage', {
    get: () => {
      throw new DOMException('denied', 'SecurityError');
    },
  });
  expect(hostLanguage(forbidden)).toBe('fr-CA');
});
