// What the user of this device has chosen: the language of the screens.
import type { Language } from "../model/types.ts";
import { getFact, setFact } from "../platform/database.ts";
import { notifyChanged } from "./changes.ts";

export const storedLanguage = (): Promise<Language | undefined> => getFact<Language>("language");

export async function storeLanguage(language: Language): Promise<void> {
  await setFact("language", language);
  notifyChanged();
}
