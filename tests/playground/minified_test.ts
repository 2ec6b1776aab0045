/** The playground's script, shortened. */

import { assertEquals, assertMatch } from "@std/assert";
import { minified } from "../../scripts/playground.ts";

Deno.test("what a shortened script declares with using is disposed, though it is read once", async () => {
  const script = await minified(`
    function run(log) {
      /* A comment goes. */
      using resource = { name: "made", [Symbol.dispose]() { log.push("disposed"); } };
      return log.push(resource.name);
    }
    run(globalThis.log);`);
  assertMatch(script, /^function run\(/);
  const log: string[] = [];
  new Function("globalThis", script)({ log });
  assertEquals(log, ["made", "disposed"]);
  assertEquals(script.includes("comment"), false);
});
