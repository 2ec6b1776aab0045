/** The points of JSR's score that the package's files decide, by the rules in RELEASE.md. */

import { assert, assertEquals } from "@std/assert";
import { root, rootPath, sourceText } from "../../scripts/support/source_files.ts";

interface Declaration {
  readonly kind: string;
  readonly jsDoc?: { readonly doc?: string; readonly tags?: readonly unknown[] };
}

interface Documented {
  readonly module_doc?: unknown;
  readonly symbols: readonly { readonly name: string; readonly declarations: Declaration[] }[];
}

const config = JSON.parse(sourceText("deno.json"));
const entries = Object.values<string>(config.exports);

async function documentedEntries(): Promise<Documented[]> {
  const args = ["doc", "--json", ...entries];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  return entries.map((path) => nodes[new URL(path, root).href]);
}

Deno.test("JSR's score: a README with an example, module comments, all symbols documented, no slow types", async () => {
  const nodes = await documentedEntries();
  assert(sourceText("README.md").includes("```"));
  assert(config.description.length > 50 && config.description.length <= 250);
  assertEquals(entries.filter((_, i) => nodes[i].module_doc === undefined), []);
  const own = nodes.flatMap(({ symbols }) => symbols).filter(({ declarations }) =>
    declarations.some(({ kind }) => kind !== "reference")
  );
  const silent = own.filter(({ declarations }) => !declarations.some(({ jsDoc }) => jsDoc?.doc));
  assert(own.length > 1000, `${own.length} symbols`);
  assertEquals(silent.map(({ name }) => name), []);
  // Slow types fail the gate's `deno doc --lint` and `deno publish --dry-run`.
  assert(config.lint.rules.tags.includes("jsr"));
});
