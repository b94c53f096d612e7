export const languages = ['en', 'de', 'fr', 'es', 'zh'] as const;
export type Language = (typeof languages)[number];

/** The language of this plug-in for one of the host, e.g. `de` for `de-CH`; English where there is none. */
export const languageOf = (name: string): Language =>
  languages.find((known) => known === name.slice(0, 2).toLowerCase()) ?? 'en';

/**
 * Texts of one part of the plug-in in all languages. `{name}` stands for a value, and `{name|slice|slices}` for the word
 * that fits the number `name`: the first for one, the second otherwise.
 */
export type Area<Key extends string> = Readonly<Record<Language, Readonly<Record<Key, string>>>>;

/** Checks at compile time that every language has every text. */
export const defineArea = <Key extends string>(area: Area<Key>): Area<Key> => area;
