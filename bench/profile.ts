/**
 * Profiles of our steps, each workload in a fresh process: `deno task bench --profile`, see
 * README.md.
 *
 * @module
 */

import { type DataTable, type Figure, plainTable } from "../src/figures/mod.ts";
import { renderPage } from "../src/report/page.ts";
import type { Section } from "../src/report/report.ts";
import { commitOf, lastLineOf, settingOf } from "./environment.ts";
import type { Workload } from "./workloads.ts";

/** The profiles of a workload's cases, as their process prints them. */
export interface Profiled {
  readonly rounds: number;
  readonly cases: readonly {
    readonly name: string;
    readonly table: DataTable;
    readonly figure: Figure;
  }[];
}

const legend =
  "Products are m x n x k; + 8 is the adapter's rank, in the same launch; T: transposed.";

const program = new URL("contenders/ours_profile.ts", import.meta.url).pathname;

/** The profiles of a workload on the devices that a variant stands for. */
export async function profileOf(variant: string, workload: Workload): Promise<Section> {
  const args = ["run", "-A", "--no-lock", program, variant, workload];
  const line = await lastLineOf(variant, Deno.execPath(), args);
  return sectionOf(`${workload}-${variant}`, JSON.parse(line));
}

/** Prints tables and writes a page with the figures. */
export async function writeProfiles(path: string, sections: readonly Section[]): Promise<void> {
  for (const { tables } of sections) {
    for (const table of tables) console.log(`\n${plainTable(table)}`);
  }
  const { date, machine, deno } = settingOf();
  const commit = await commitOf(new URL("..", import.meta.url));
  const facts = Object.entries({ date, machine, Deno: deno, commit });
  const page = { title: "Where the time of a step goes", facts, sections };
  await Deno.writeTextFile(path, await renderPage(page));
  console.log(`\nwrote the page to ${path}`);
}

function sectionOf(id: string, { rounds, cases }: Profiled): Section {
  const named = <T extends { readonly id: string; readonly title: string }>(
    item: T,
    name: string,
  ) => ({
    ...item,
    id: `${id}-${name.replaceAll(" ", "-")}-${item.id}`,
    title: `${name}: ${item.title}`,
  });
  return {
    ...{ id, title: id, question: "Where does the time of a step go?", source: "" },
    settings: `The fastest of ${rounds} rounds, each kernel timed. ${legend}`,
    findings: [],
    tables: cases.map(({ name, table }) => named(table, name)),
    figures: cases.map(({ name, figure }) => named(figure, name)),
  };
}
