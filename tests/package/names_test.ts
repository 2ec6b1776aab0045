/** The public names: each means one thing, and the main entry has what people use. */

import { assert, assertEquals } from "@std/assert";
import { root, rootPath } from "../../scripts/support/source_files.ts";

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly kind: string;
    readonly location: { filename: string };
  }[];
}

const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

/** The file that declares each public name of an entry. */
async function namesOf(entry: string): Promise<Map<string, string>> {
  const args = ["doc", "--json", entry];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const modules: { symbols: DocSymbol[] }[] = Object.values(nodes);
  const symbols = modules.flatMap(({ symbols }) => symbols);
  return new Map(
    symbols.map(({ name, declarations }) => [name, declarations[0].location.filename]),
  );
}

Deno.test("a public name means one thing, whatever entry it comes from", async () => {
  const declared = new Map<string, Set<string>>();
  const entries: [string, string][] = Object.entries<string>(exports)
    .filter(([entry]) => entry !== "./cli"); // a program
  const found = await Promise.all(entries.map(([, file]) => namesOf(file)));
  found.forEach((names, i) => {
    assert(names.size > 5, `${entries[i][0]} has ${names.size} names`);
    for (const [name, file] of names) {
      declared.set(name, (declared.get(name) ?? new Set()).add(file));
    }
  });
  const ambiguous = [...declared].filter(([, files]) => files.size > 1);
  assertEquals(ambiguous.map(([name, files]) => [name, ...files]), []);
});

Deno.test("the main entry has about sixty names", async () => {
  const names = await namesOf(exports["."]);
  assert(names.size >= 50 && names.size <= 75, `${names.size} names`);
});
