// The languages of the app and of documents.
export type Language = "de" | "en";
export type Titles = Record<Language, string>;
