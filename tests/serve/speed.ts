/** Prints how many requests a second a server answers to 1, 8 and 32 clients, the best of seven rounds. @module */

import { bodies, load, withServer } from "./load.ts";

const counts = [1, 8, 32], best = new Map(counts.map((clients) => [clients, Infinity]));
const requests = 2 * bodies.length;

await withServer(async (address) => {
  for (let round = 0; round < 7; round++) {
    for (const clients of counts.map((_, i) => counts[(i + round) % counts.length])) {
      const started = performance.now();
      const { wrong } = await load(address, [0, requests], clients);
      if (wrong.length > 0) throw new Error(wrong.join("\n"));
      best.set(clients, Math.min(best.get(clients)!, performance.now() - started));
    }
  }
});

for (const [clients, ms] of best) {
  const rate = (1000 * requests / ms).toFixed(1), ratio = (best.get(1)! / ms).toFixed(2);
  console.log(`${clients} clients: ${rate} requests/s, ${ratio} times those of 1`);
}
