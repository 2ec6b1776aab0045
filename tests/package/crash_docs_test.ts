/** Every function that writes files says what a reader finds after a crash. */

import { assert, assertEquals } from "@std/assert";
import { root, rootPath, sourceText } from "../../scripts/support/source_files.ts";
import { writingFunctions } from "./writers.ts";

interface Callable {
  readonly returnType?: { readonly repr?: string };
}

interface Documented extends Callable {
  readonly name: string;
  readonly jsDoc?: { readonly doc?: string };
  /** Of a class's method; an interface's has its type itself. */
  readonly functionDef?: Callable;
}

interface Exported {
  readonly name: string;
  readonly declarations?: readonly {
    readonly location: { readonly filename: string };
    readonly jsDoc?: Documented["jsDoc"];
    readonly def?: Callable & { readonly methods?: readonly Documented[] };
  }[];
}

/** The texts about all functions and methods of the entries that return a promise, by `file#name`. */
async function docsOfExports(): Promise<Map<string, string>> {
  const { exports } = JSON.parse(sourceText("deno.json"));
  const args = ["doc", "--json", ...Object.values<string>(exports)];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  const symbols = Object.values<{ symbols: Exported[] }>(nodes).flatMap(({ symbols }) => symbols);
  const callables = symbols.flatMap(({ name, declarations = [] }) =>
    declarations.flatMap(({ jsDoc, location, def }) => {
      const methods = (def?.methods ?? []).map((one) => ({ ...one, name: `${name}.${one.name}` }));
      const file = location.filename.slice(root.href.length);
      return [{ ...def, name, jsDoc }, ...methods].map((one: Documented) => ({ file, ...one }));
    })
  );
  return new Map(
    callables
      .filter(({ functionDef, returnType = functionDef?.returnType }) =>
        returnType?.repr === "Promise"
      )
      .map(({ file, name, jsDoc }) => [`${file}#${name}`, jsDoc?.doc ?? ""]),
  );
}

Deno.test("every function that writes files says what a reader finds after a crash", async () => {
  const docs = await docsOfExports();
  const writing = [...writingFunctions()].filter((id) => docs.has(id));
  // What shows that core's functions are found.
  for (const name of ["#writeSafetensors", "#MethodAdapter.save"]) {
    assert(writing.some((id) => id.endsWith(name)), `${name} writes files`);
  }
  assertEquals(writing.filter((id) => !/\bcrash/.test(docs.get(id)!)), []);
});
