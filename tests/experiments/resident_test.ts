import { assert, assertEquals } from "@std/assert";
import { besidePeak, measureResident } from "../../experiments/cost/resident.ts";

/**
 * The system sees the peak in the device's memory, whole, because every byte of it was written. Beside it
 * lie the threads' scratch, the padding, and holes that a block left and the next one could not fill. The
 * rest of the process is Deno: its program, V8's heap, host copies of the first weights.
 */
for (const [width, rank] of [[256, 0], [256, 8]]) {
  Deno.test({
    name: `resident: width ${width}, rank ${rank}: the system sees the ledger's peak`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const row = await measureResident({ width, rank, batch: 4, length: 64 });
      const { process, before, peak, predicted } = row, { found, explained } = besidePeak(row);
      assertEquals(predicted, peak);
      assert(found >= 0, `the ledger has ${peak} bytes, ${row.device} are resident`);
      assert(found <= explained, `${found} bytes beside the peak, ${explained} explained`);
      assert(process - before >= peak, `${peak} of ${process - before} of ${process} bytes`);
    },
  });
}
