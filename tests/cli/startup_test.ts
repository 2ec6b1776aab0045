/** The modules that every command loads before it begins. @module */

import { assert, assertEquals } from "@std/assert";
import { root, rootPath } from "../../scripts/support/source_files.ts";

/** A module as `deno info --json` describes it. */
interface Described {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier?: string };
  }[];
}

Deno.test("commands load no package but commander before they begin", async () => {
  const args = ["info", "--json", "cli.ts"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: rootPath }).output();
  const { modules }: { modules: readonly Described[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const known = new Map(modules.map((one) => [one.specifier, one]));
  const loaded = new Set([new URL("cli.ts", root).href]);
  for (const url of loaded) {
    for (const { isDynamic, code } of known.get(url)?.dependencies ?? []) {
      if (!isDynamic && code?.specifier) loaded.add(code.specifier);
    }
  }
  assert(loaded.size > 100);
  const packages = [...loaded].filter((url) => /^(npm|jsr|https?):/.test(url));
  assertEquals(packages.map((url) => url.replace(/@[\d.]+$/, "")), ["npm:commander"]);
});
