// The street register as it ships, for tests.
import { readFileSync } from "node:fs";
import type { Street } from "../src/domain/facts/streets.ts";

export const SHIPPED_STREETS = new URL(
  "../../../libs/service-catalogue/src/service_catalogue/at_linz/streets.csv",
  import.meta.url,
);

/** The shipped file quotes nothing, so its columns are split at commas. */
export function readStreets(file: URL): Street[] {
  const lines = readFileSync(file, "utf8").split("\n");
  const rows = lines.filter((line) => line && !line.startsWith("#")).slice(1);
  return rows.map((line) => {
    const [street = "", postalCode = "", district = ""] = line.trim().split(",");
    return { street, postal_code: postalCode, district_nr: Number(district) };
  });
}
