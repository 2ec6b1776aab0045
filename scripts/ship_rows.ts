/**
 * Ships the rows of the table that is named like its experiment, or of the first, as data, for jobs that quote them in place of runs of their own.
 *
 *     deno task reproduce --full --only planted-transformer
 *     deno task ship:rows planted-transformer experiments/planted/planted_transformer.json
 *
 * With names of tables behind the results, the rows of each are shipped under its name:
 *
 *     deno task ship:rows rank-waste experiments/rank_waste/rank_waste.json results/partial.json pairs sites bases
 *
 * @module
 */

import { readJson, writeFileAtomic } from "../src/storage/files.ts";

/** The part of a job's data that is read. */
interface Data {
  readonly facts: Readonly<Record<"commit" | "device" | "seeds" | "made", string>>;
  readonly results: readonly { name: string; tables: readonly Table[] }[];
}

/** A table of a job, by the name of what it shows. */
interface Table {
  readonly id: string;
  readonly rows: readonly unknown[];
}

/** JSON with a line for each row: a third smaller than with one for each value, and rows that change are seen. */
export function rowsText(value: unknown): string {
  if (Array.isArray(value)) {
    const isRows = value.some((item) => typeof item === "object");
    return isRows
      ? `[\n${value.map((row) => JSON.stringify(row)).join(",\n")}\n]`
      : JSON.stringify(value);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, item]) =>
    `${JSON.stringify(name)}: ${rowsText(item)}`
  );
  return `{\n${fields.join(",\n")}\n}`;
}

/** Writes data with a line for each row. */
export const writeRows = (file: string, value: unknown): Promise<void> =>
  writeFileAtomic(file, `${rowsText(value)}\n`);

if (import.meta.main) {
  const [name, file, data = "results/partial.json", ...ids] = Deno.args;
  const { facts, results } = await readJson(data) as Data;
  const found = results.find((one) => one.name === name);
  if (!found) throw new RangeError(`shipping needs results of ${name}, found none in ${data}`);
  const [listed] = facts.seeds.split(" ("), seeds = listed.split(", ").map(Number); // A single one is explained.
  const rowsOf = (wanted: string) => found.tables.find(({ id }) => id === wanted)?.rows;
  const rows = ids.length > 0
    ? Object.fromEntries(ids.map((id) => [id, rowsOf(id)]))
    : rowsOf(name) ?? found.tables[0].rows;
  const source = `commit ${facts.commit}, ${facts.device}, ${facts.made}`;
  await writeRows(file, { source, seeds, rows });
}
