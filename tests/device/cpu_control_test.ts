import { assert, assertEquals } from "@std/assert";
import { chunkStart, maxChunks, nextChunk } from "../../src/device/cpu/control.ts";

Deno.test("cpu: chunks cover all units once, at multiples of the grain, and none is empty", () => {
  for (const [units, grain] of [[2, 1], [7, 2], [16, 1], [1024, 24], [1000, 24], [50257, 8]]) {
    for (let chunks = 2; chunks <= Math.min(maxChunks, units / grain); chunks++) {
      const starts = Array.from(
        { length: chunks + 1 },
        (_, chunk) => chunkStart(chunk, chunks, units, grain),
      );
      assertEquals([starts[0], starts[chunks]], [0, units]);
      assert(starts.slice(1).every((start, i) => start > starts[i]), `${starts}`);
      assert(starts.slice(0, chunks).every((start) => start % grain === 0), `${starts}`);
    }
  }
});

Deno.test("cpu: every chunk is claimed once, a thread's own share first", () => {
  for (const threads of [1, 2, 3, 8, 20]) {
    for (const chunks of [2, 3, 8, maxChunks]) {
      for (let thread = 0; thread < threads; thread++) {
        const claimed: number[] = [];
        for (let left = 2 ** chunks - 1; left > 0;) {
          const bit = nextChunk(left, chunks, thread, threads);
          assert((left & bit) === bit && (bit & (bit - 1)) === 0, `${bit} of ${left}`);
          claimed.push(Math.log2(bit));
          left -= bit;
        }
        const share = (at: number) => Math.round(at * chunks / threads);
        const own = Array.from({ length: chunks }, (_, chunk) => chunk)
          .slice(share(thread), share(thread + 1));
        assertEquals(claimed.length, chunks);
        assertEquals(claimed.slice(0, own.length), own);
      }
    }
  }
});
