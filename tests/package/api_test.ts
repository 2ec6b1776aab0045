/** The public names and signatures are those of the snapshot; docs/stability.md says which may change when. */

import { assert, assertEquals } from "@std/assert";
import { apiChanges, apiPath, apiText, parseApi, readApi } from "../../scripts/api.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

Deno.test("no public name or signature has changed: a change is named here, and is deno task api's to write", async () => {
  const snapshot = parseApi(sourceText(apiPath)), now = await readApi();
  assert(now.size > 1000, `${now.size} names`);
  assertEquals(apiChanges(snapshot, now), []);
  assertEquals(apiText(now), sourceText(apiPath));
});

Deno.test("a change of the API is said in words", () => {
  const before = parseApi(`Kept
  in .
  function(a: number): void

Gone
  in ./adapt
  class
  .run(): void

Moved
  in ./data
  interface
  .readonly loss: number
  .readonly name: string
`);
  const now = parseApi(`Kept
  in .
  function(a: number, b?: string): void

Moved
  in ., ./data
  interface
  .readonly loss: number | null
  .readonly steps: number

Made
  in .
  type = string
`);
  assertEquals(apiChanges(before, now), [
    "Gone is gone, which was in ./adapt",
    "Kept: was function(a: number): void; is function(a: number, b?: string): void",
    "Made is new in .: type = string",
    "Moved: was in ./data; is in ., ./data",
    "Moved: was .readonly loss: number; is .readonly loss: number | null",
    "Moved: gone is .readonly name: string",
    "Moved: new is .readonly steps: number",
  ]);
  assertEquals(apiChanges(now, parseApi(apiText(now))), []);
});

Deno.test("docs/stability.md says of every entry whether it is stable", () => {
  const page = sourceText("docs/stability.md"), { exports } = JSON.parse(sourceText("deno.json"));
  const table = page.slice(page.indexOf("## Entries"), page.indexOf("## The rule"));
  const said = [...table.matchAll(/`(?:@lowrank\/core|(\/\w+))`/g)].map(([, name = ""]) => name);
  const entries = Object.keys(exports).map((entry) => entry.slice(1));
  assertEquals(said.toSorted(), entries.toSorted());
});
