/** Every function that writes files says what a reader finds after a crash. */

import { assertEquals } from "@std/assert";
import { rootPath, sourceText } from "../support/source_files.ts";

/** The exported functions and methods that write files. */
const writers = [
  "Adapter.save",
  "BitFitAdapter.save",
  "BottleneckAdapter.save",
  "LoraAdapter.save",
  "reproduce",
  "run",
  "saveCheckpoint",
  "saveModel",
  "saveTokenizer",
  "writeAdapter",
  "writeSafetensors",
];

interface Documented {
  readonly name: string;
  readonly jsDoc?: { readonly doc?: string };
  readonly declarations?: readonly (Documented & { readonly def?: { methods?: Documented[] } })[];
}

/** The first paragraphs of all functions and methods that the entries export, by name. */
async function docsOfExports(): Promise<Map<string, string>> {
  const { exports } = JSON.parse(sourceText("deno.json"));
  const args = ["doc", "--json", ...Object.values<string>(exports)];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const symbols = Object.values<{ symbols: Documented[] }>(nodes).flatMap(({ symbols }) => symbols);
  return new Map(
    symbols.flatMap(({ name, declarations = [] }) =>
      declarations.flatMap(({ jsDoc, def }): [string, string][] => [
        [name, jsDoc?.doc ?? ""],
        ...(def?.methods ?? []).map((method): [string, string] => [
          `${name}.${method.name}`,
          method.jsDoc?.doc ?? "",
        ]),
      ])
    ).filter(([, doc]) => doc !== ""), // An entry that exports it again has no doc of its own.
  );
}

Deno.test("every function that writes files says what a reader finds after a crash", async () => {
  const docs = await docsOfExports();
  assertEquals(writers.filter((name) => !docs.has(name)), []);
  assertEquals(writers.filter((name) => !/\bcrash/.test(docs.get(name)!)), []);
});
