/** Every rule on the paper's own numbers, before it judges ours (decision 0052). */

import { assert, assertEquals } from "@std/assert";
import { awaitedClaims } from "../../experiments/rank_real/rank_real.ts";
import { archivedClaims, paperClaims } from "../../experiments/registry.ts";
import { onPaper, paperNote } from "../../src/paper/claim.ts";
import { printedTables } from "../../src/paper/printed/mod.ts";
import { printedValue } from "../../src/paper/printed_number.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

/** A claim's text where the experiment has the size that it is about. */
const textOf = ({ text }: (typeof paperClaims)[number]) =>
  typeof text === "string" ? text : text({ width: 12_288 });

/** `W_q` of `<i>W</i><sub>q</sub>`, as the page sets it. */
const withoutMath = (text: string) =>
  text.replaceAll(/<\/?i>/g, "").replaceAll(/<sub>(.*?)<\/sub>/g, "_$1");

/** Claims without the place that a report adds, ` (in A)`. */
const withoutPlace = (text: string) => text.replace(/ \(in [AΔ]\S*\)$/, "");

Deno.test("the claims are those of the page of findings", () => {
  const [page] = sourceText("docs/findings.md").split("## Beyond the paper");
  const rows = page.split("\n").filter((line) => /^\| (?!claim|-)/.test(line));
  const shown = rows.map((row) => row.split("|")[1].trim().replaceAll("\\", ""))
    .map(withoutMath).map(withoutPlace);
  assertEquals(paperClaims.map(textOf).toSorted(), shown.toSorted());
  assertEquals(shown.length, 49);
});

const tried = [...paperClaims, ...archivedClaims, ...awaitedClaims];

Deno.test("every claim has the paper's own numbers, or says why there are none", () => {
  for (const claim of tried) assert(paperNote(claim), textOf(claim));
});

Deno.test("every rule passes the paper's own numbers, unless it asks whether they follow from others", () => {
  const failed = tried.flatMap((claim) =>
    onPaper(claim).own.filter(({ judgment }) => judgment !== true).map(({ where }) =>
      `${textOf(claim)}: ${where}`
    )
  );
  assertEquals(failed, [
    "LoRA trains 10,000 times fewer parameters of GPT-3 175B than full fine-tuning: tables 4 and 15",
  ]);
});

Deno.test("every rule fails what the paper says is otherwise, and chance", () => {
  const contrary = tried.flatMap((claim) => onPaper(claim).contrary);
  assertEquals(contrary.filter(({ judgment }) => judgment !== false), []);
  assert(contrary.length > 5);
});

/** The numbers of a table's row whose column has such a name, where they are printed. */
const cells = (table: string, row: string, column: RegExp): number[] => {
  const { columns, rows } = printedTables[table];
  return columns.flatMap((name, i) => column.test(name) ? [printedValue(rows[row][i]!)] : []);
};

Deno.test("what is said of the paper's own numbers in words is so", () => {
  const of = (row: string) => printedValue(printedTables.text.rows[row][0]!);
  const memory = of("section 4.2: memory of training, LoRA");
  assertEquals((of("section 4.2: memory of training, all weights") / memory).toFixed(1), "3.4");
  const checkpoint = of("section 4.2: checkpoint of an adapter, r = 4 on q and v");
  assertEquals(of("section 4.2: checkpoint of the model") / checkpoint, 10_000);
  const slow = (batch: string) =>
    ["Adapter L", "Adapter H"].flatMap((row) =>
      cells("table1", row, new RegExp(`^${batch} .*slow-down`))
    );
  assertEquals(Math.min(...slow("1")), 20.7);
  assertEquals(Math.max(...slow("16"), ...slow("32")), 8.4);
});
