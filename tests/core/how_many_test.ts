import { assertEquals } from "@std/assert";
import { howMany } from "../../src/core/how_many.ts";

Deno.test("one has the singular, every other number the plural", () => {
  assertEquals([0, 1, 2].map((count) => howMany(count, "step")), ["0 steps", "1 step", "2 steps"]);
  assertEquals(howMany(5, "process", "processes"), "5 processes");
});
