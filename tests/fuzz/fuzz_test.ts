/** 300 corrupted inputs of each kind from a fixed seed; `deno task fuzz` tries more from a random one. */

import { assertEquals } from "@std/assert";
import { kinds } from "./kinds.ts";
import { fuzzWatched } from "./watched.ts";

const runs = 300;

Deno.test("300 corrupted inputs of each kind are read correctly or refused in one sentence", async (t) => {
  const shares = new Map(kinds.map(({ name, share = 1 }) => [name, share])), seen: string[] = [];
  const names = [...shares.keys()];
  for await (const report of fuzzWatched(names, { runs, seed: 20260101 })) {
    const { kind, accepted, refused, find } = report;
    seen.push(kind);
    await t.step(kind, () => {
      assertEquals(find, undefined, `${kind}: ${find?.reason}\n${JSON.stringify(find?.files)}`);
      const tried = Math.ceil(runs * shares.get(kind)!);
      assertEquals(accepted + refused, tried);
      // Inputs that are all good, or all bad at the first byte, would test nothing.
      assertEquals([accepted, refused].map((count) => count >= tried / 20), [true, true]);
    });
  }
  assertEquals(seen.sort(), names.sort());
});
