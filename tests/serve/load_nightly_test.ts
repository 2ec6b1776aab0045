/** A server under load, and beside hostile clients: the rules of decision 0040. */

import { assert, assertEquals } from "@std/assert";
import { wordOf } from "../support/words.ts";
import { bodies, comeAndGo, load, type Reading, withServer } from "./load.ts";
import { offlineAnswers } from "./served.ts";
import { attacks, costOf } from "./strangers.ts";

const requests = wordOf("requests", 40_000), clients = wordOf("clients", 64), parts = 10;

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

Deno.test(`${requests} requests of ${clients} clients get the offline answers, and memory is level`, async () => {
  const wanted = await offlineAnswers(bodies), readings: Reading[] = [];
  let answered = 0, absent = 0, changes = 0;
  await withServer(async (address, read) => {
    for (let part = 0; part <= parts; part++) {
      const [begin, end] = [part - 1, part].map((at) =>
        Math.round(Math.max(0, at) * requests / parts)
      );
      const done = new AbortController(), changing = part > 0 ? comeAndGo(address, done.signal) : 0;
      const outcome = await load(address, [begin, end], clients, wanted);
      done.abort();
      changes += await changing;
      assertEquals(outcome.wrong, []);
      answered += outcome.answered;
      absent += outcome.absent;
      const reading = await read(), { ledger, heap, resident } = reading;
      readings.push(reading);
      const memory = `${mebibytes(heap)} MiB of heap, ${mebibytes(resident)} resident`;
      console.log(`${end} requests: ${ledger} bytes in the ledger, ${memory}`);
    }
  });
  console.log(
    `${changes} changes; of what comes and goes ${answered} answers, ${absent} times 404`,
  );
  assert(answered > 0 && absent > 0);
  const from = readings[parts / 5], to = readings[parts];
  assertEquals(to.ledger, from.ledger);
  assert(to.heap - from.heap <= 2 ** 20, "the heap grows");
  assert(to.resident - from.resident <= 2 ** 24, "the process grows");
});

/** The most that an attack may cost, generous on purpose: what a server once did was ten times that. */
const mostGrownBytes = 2 ** 28, mostWaitMs = 5_000;

for (const [name, attack] of Object.entries(attacks)) {
  Deno.test({
    name: `${name}: they cost a server little, and keep nobody out who has the token`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const { restBytes, mostBytes, answered, shutOut, longestMs } = await costOf(attack);
      const memory = `${mebibytes(restBytes)} MiB at rest, ${mebibytes(mostBytes)} at most`;
      console.log(`${memory}, ${answered} answered, longest wait ${longestMs.toFixed(0)} ms`);
      assertEquals(shutOut, 0);
      assert(mostBytes - restBytes <= mostGrownBytes, memory);
      assert(longestMs <= mostWaitMs, `a wait of ${longestMs} ms`);
    },
  });
}
