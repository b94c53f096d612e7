export const languages = ['en', 'de', 'fr', 'es', 'zh'] as const;
export type Language = (typeof languages)[number];

/** Texts of one part of the plug-in in all languages; `{name}` stands for a value. */
export type Area<Key extends string> = Readonly<Record<Language, Readonly<Record<Key, string>>>>;

/** Checks at compile time that every language has every text. */
export const defineArea = <Key extends string>(area: Area<Key>): Area<Key> => area;
