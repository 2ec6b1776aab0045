/** The playground's script, shortened. */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { assertForPages, minified } from "../../scripts/playground.ts";

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

Deno.test("a script that needs a module of Node is refused before it is a page", () => {
  assertForPages('const { createHash } = await import("node:crypto");');
  assertThrows(
    () => assertForPages('import_path = __require("node:path");'),
    Error,
    "must not need a module of Node, found node:path",
  );
});
