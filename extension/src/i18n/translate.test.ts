import { languageOf, languages } from './area.js';
import { catalogueOf, type MessageKey } from './catalogue.js';
import { translator } from './translate.js';

const placeholders = (template: string): string[] =>
  [...new Set([...template.matchAll(/\{(\w+)/g)].map(([, name]) => name))].sort();

describe('the catalogue', () => {
  const english = catalogueOf('en');

  it.each(languages)('has every text in %s, with the same values', (language) => {
    const texts: Readonly<Record<string, string>> = catalogueOf(language);
    expect(Object.keys(texts).sort()).toEqual(Object.keys(english).sort());
    const different = Object.entries(english).filter(
      ([key, text]) => placeholders(texts[key]).join() !== placeholders(text).join() || texts[key].trim() === '',
    );
    expect(different).toEqual([]);
  });

  it.each(languages.filter((language) => language !== 'en'))('is really translated into %s', (language) => {
    const texts: Readonly<Record<string, string>> = catalogueOf(language);
    const sentences = Object.entries(english).filter(([, text]) => text.split(' ').length > 3);
    expect(sentences.filter(([key, text]) => texts[key] === text)).toEqual([]);
  });

  it('is English for languages that it does not have', () => {
    expect(['de-CH', 'ZH-hant', 'pt', ''].map(languageOf)).toEqual(['de', 'zh', 'en', 'en']);
  });
});

describe('sentences', () => {
  const images = (language: string, n: number) =>
    translator(language)({ key: 'panel.images.stack' satisfies MessageKey, values: { n } });

  it('use the word that fits the number', () => {
    expect([0, 1, 2].map((n) => images('en', n))).toEqual(['0 slices', '1 slice', '2 slices']);
    expect([0, 1, 2].map((n) => images('fr-CA', n))).toEqual(['0 coupe', '1 coupe', '2 coupes']);
    expect([1, 2].map((n) => images('de', n))).toEqual(['1 Schicht', '2 Schichten']);
    expect(images('zh-CN', 2)).toBe('2 层');
  });

  it('write numbers as the language does', () => {
    const text = (language: string) =>
      translator(language)({ key: 'panel.server.next-try', values: { seconds: 1.25 } });
    expect([text('en'), text('de')]).toEqual(['Next attempt in 1.25 s', 'Nächster Versuch in 1,25 s']);
  });

  it('leave a placeholder without its value in sight, and values as they are', () => {
    expect(translator('en')({ key: 'panel.device' })).toBe('The model runs on: {device}');
    expect(translator('en')({ key: 'panel.device', values: { device: '{n}' } })).toBe('The model runs on: {n}');
  });

  it('say a problem that is not known as the server said it', () => {
    const problem = { code: 'no-such-code', detail: 'It failed.', remedy: 'Try again.' };
    expect(translator('de')({ problem })).toBe('It failed. Try again.');
  });
});
