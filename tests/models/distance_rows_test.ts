import { assertEquals } from "@std/assert";
import { distanceRows } from "../../src/models/distance_rows.ts";
import { goldenJson } from "../support/golden.ts";

Deno.test("distances are in transformers' buckets, in both directions", async () => {
  for (const { buckets, longest, found } of await goldenJson("distance_buckets.json")) {
    const time = found.length, most = 2 * buckets - 1;
    const rowOf = (bucket: number) => Math.min(Math.max(bucket + buckets, 0), most);
    const backward = found.slice(1).map((bucket: number) => rowOf(-bucket)).reverse();
    assertEquals(
      distanceRows({ buckets, longest }, time),
      [...backward, ...found.map(rowOf)],
      `${buckets} of ${longest}`,
    );
  }
});

Deno.test("without buckets a distance has its own row, up to the longest", () => {
  assertEquals(distanceRows({ longest: 2 }, 4), [0, 0, 1, 2, 3, 3, 3]);
});
