import { settingsOf } from './settings.js';

test('the extension’s configuration counts more than the page’s', () => {
  expect(settingsOf({ server: 'https://a', pacs: 'one' }, { pacs: 'two' })).toEqual({
    server: 'https://a',
    pacs: 'two',
  });
});

test('an address without text is where the page comes from; slashes at its end do not matter', () => {
  expect(settingsOf({ server: '' })).toEqual({});
  expect(settingsOf({ server: 'https://host/medsam2/' })).toEqual({ server: 'https://host/medsam2' });
});

test.each([undefined, null, 'text', 3, { server: 4, pacs: '' }])('a mistake (%p) is left out', (mistake) => {
  expect(settingsOf(mistake)).toEqual({});
});
