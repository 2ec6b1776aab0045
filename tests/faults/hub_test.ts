/** Downloads of the hub on a disk on which any operation goes wrong. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readBytes } from "../../src/storage/files.ts";
import { withHub } from "../support/hub_server.ts";
import { withVariables } from "../support/variables.ts";
import { type Fault, faults, FaultyDisk } from "./faulty_disk.ts";

const weights = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) % 251);
const file = "hf:me/model/model.safetensors";

/** Downloads with one fault; gives the error, and whether there was an operation of that number. */
async function downloadWith(fault: Fault, at: number): Promise<{ error?: Error; isLast: boolean }> {
  using disk = new FaultyDisk(fault, at);
  const error = await readBytes(file).then((bytes) => {
    assertEquals(bytes, weights);
    return undefined;
  }, (error) => error);
  return { error, isLast: !disk.isReached };
}

for (const fault of faults) {
  Deno.test(`a download with ${fault} at any operation of the disk is whole or absent, and the next is whole`, async () => {
    for (let at = 0, isLast = false; !isLast; at++) {
      await withHub({ "me/model": { "model.safetensors": weights } }, async () => {
        const outcome = await downloadWith(fault, at);
        isLast = outcome.isLast;
        assert(outcome.error === undefined || !isLast, outcome.error?.message);
        if (fault === "short" || fault === "EINTR") assertEquals(outcome.error, undefined);
        await withVariables({ HF_HUB_OFFLINE: "1" }, async () => {
          const offline = await readBytes(file).catch((error: Error) => error.message);
          if (typeof offline !== "string") assertEquals(offline, weights);
          else assert(/it does not exist|is not in the cache/.test(offline), offline);
        });
        assertEquals(await readBytes(file), weights);
      });
    }
  });
}

Deno.test("a full disk is said in one sentence", () =>
  withHub({ "me/model": { "model.safetensors": weights } }, async () => {
    using disk = new FaultyDisk("ENOSPC", 3);
    const { message } = await assertRejects(() => readBytes(file), Error);
    assertEquals(disk.faulty, "write");
    assert(/^cannot read hf:\S+: cannot write \S+\.incomplete: the disk is full$/.test(message));
  }));
