/** Sizes of what a page loads: bytes, which are the same on every machine. */

import { assert } from "@std/assert";
import { browserImports, importBytes } from "../../scripts/sizes.ts";

for (const one of browserImports) {
  Deno.test(`${one.what} in a browser: at most ${one.most} bytes, compressed`, async () => {
    const bytes = await importBytes(one);
    assert(bytes > 10_000 && bytes <= one.most, `${bytes} bytes`);
  });
}
