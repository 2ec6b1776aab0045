/**
 * Breaks a copy of the package, one fault at a time, and names the tests that notice:
 * `deno task test:faults [WORD…]`, words being parts of a fault's file or sentence. Tests are those
 * that the file reaches by imports, the nearest first; `--tests WORD` leaves those whose path has
 * the word. A finding is a line of JSON in `--out FILE`; a fault that is there is not measured
 * again, unless it was missed within less than `--most SECONDS` of tests. `--table BEFORE AFTER`
 * compares two such files. `--notebooks [NAME…]` runs notebooks instead, and names the checks in
 * them that turn red.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { tiersVariable } from "../support/parts.ts";
import type { Tier } from "../test/jobs.ts";
import type { Fault } from "./fault.ts";
import { addFinding, findingsTable, findingText, readFindings } from "./findings.ts";
import { type Finding, Measure } from "./measure.ts";
import { breakChecks } from "./notebooks.ts";
import { plantedFaults } from "./planted.ts";

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string" },
    most: { type: "string", default: "600" },
    counted: { type: "string", default: "60" },
    tests: { type: "string" },
    tiers: { type: "string", default: "core,parts" },
    table: { type: "boolean", default: false },
    notebooks: { type: "boolean", default: false },
  },
});

/** The faults that were asked for and not measured yet. */
function faultsLeft(most: number): Fault[] {
  const known = options.out ? readFindings(options.out) : new Map<string, Finding>();
  const isDone = ({ caught, seconds, ran, reached }: Finding) =>
    caught || seconds >= most || ran === reached;
  const isLeft = (finding?: Finding) => !(finding && isDone(finding));
  return plantedFaults.filter(({ what, file }) =>
    (words.length === 0 || words.some((word) => `${file} ${what}`.includes(word))) &&
    isLeft(known.get(what))
  );
}

async function measureAll(): Promise<void> {
  const { most, counted, tests } = options;
  const bounds = { most: Number(most), counted: Number(counted), tests };
  const faults = faultsLeft(bounds.most), tiers = options.tiers.split(",") as Tier[];
  await using measure = await Measure.open();
  Deno.env.set(tiersVariable, options.tiers);
  for (const fault of faults) {
    const finding = await measure.of(fault, tiers, bounds);
    // Others may notice what these miss.
    if (options.out && (finding.caught || !tests)) addFinding(options.out, finding);
    console.log(findingText(finding));
  }
}

if (import.meta.main) {
  if (options.table) console.log(findingsTable(words[0], words[1]));
  else if (options.notebooks) Deno.exit(await breakChecks(words) ? 0 : 1);
  else await measureAll();
}
