import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { rootPath } from "../../scripts/support/source_files.ts";

Deno.test("in a terminal everything is text, a failed check ends the program, and nothing keeps it alive", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "terminal.ts"],
    cwd: rootPath + "tests/notebook",
    env: { NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 1);
  assertMatch(out, /^Lowrank [\d.]+, Deno [\d.]+; \w+.*\ns = 1\n\nNaN\n✓ one is one: 1\n/);
  assertMatch(out, /\[figure\] y\n1 values\n.*\nrank 1\nrank is 1\n/);
  assertMatch(out, /LoRA trains 10,000 times fewer parameters.*differs/);
  assertMatch(out, /\nstopped at step \d+\n$/);
  assertMatch(err, /^counting 50% half, \d+ s\ncounting 100% all, \d+ s\n/);
  assertStringIncludes(err, "check failed: two is one; found 2");
});
