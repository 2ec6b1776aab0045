/** Many updates, on all processors. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { compareUpdates, describeUpdate } from "../../src/inspect/mod.ts";
import { UpdatePool } from "../../src/inspect/update_pool.ts";
import { truncateUpdate } from "../../src/analysis/mod.ts";

function update(seed: number, rank: number, size: number) {
  const random = new Random(seed),
    values = () => Float32Array.from({ length: rank * size }, () => random.normal());
  const A = { shape: [rank, size], data: values() }, B = { shape: [size, rank], data: values() };
  return { module: `layer.${seed}`, A, B, scaling: 0.5 };
}

/** The first six are more than it takes until workers are started. */
const many = Array.from({ length: 12 }, (_, seed) => update(seed, 64, seed % 2 ? 4096 : 3000));
const first = 6;

/** Copies of updates, whose memory a pool may take. */
const copies = (...updates: (typeof many)[number][]) => structuredClone(updates);

const isTaken = ({ data }: { readonly data: Float32Array }) => data.length === 0;

/** Workers that pools have started. */
class Workers {
  readonly #all: Worker[] = [];
  readonly #ready: Promise<unknown>[] = [];
  readonly #ended: Promise<unknown>[] = [];

  add(worker: Worker): void {
    const event = (name: string) =>
      new Promise((resolve) => worker.addEventListener(name, resolve, { once: true }));
    this.#all.push(worker);
    this.#ready.push(event("message"));
    this.#ended.push(event("error"));
  }

  /** Resolves when all have started, which must be some. */
  async ready(): Promise<void> {
    assert(this.#all.length > 1);
    await Promise.all(this.#ready);
  }

  /** Ends all. */
  async end(): Promise<void> {
    for (const worker of this.#all) worker.postMessage("end");
    await Promise.all(this.#ended);
  }
}

/** A test with the workers that it starts: they can be ended if they have a name, which says when. */
function testWorkers(
  name: string,
  act: (workers: Workers) => Promise<void>,
  ending?: string,
): void {
  const fn = async () => {
    const workers = new Workers(), { Worker } = globalThis;
    globalThis.Worker = class extends Worker {
      constructor(address: string | URL, options?: WorkerOptions) {
        const other = new URL("../support/ending_worker.ts", import.meta.url);
        super(ending ? other : address, { ...options, name: ending });
        workers.add(this);
      }
    };
    try {
      await act(workers);
    } finally {
      globalThis.Worker = Worker;
    }
  };
  // With a library, no workers would start.
  const permissions = { read: true, env: true, ffi: false };
  Deno.test({ name, fn, permissions, ignore: navigator.hardwareConcurrency === 1 });
}

testWorkers("rows of workers are those of one thread, to the bit and in order", async (workers) => {
  using pool = new UpdatePool("describe");
  for (const [i, one] of many.entries()) {
    if (i === first) await workers.ready();
    const [{ A, B, ...rest }] = copies(one);
    await pool.add([{ A, B, ...rest }], { error: 0.1 });
    if (i >= first) assert(isTaken(A) && isTaken(B));
  }
  const rows = await pool.finish();
  assertEquals(rows, many.map((one) => describeUpdate(one, { error: 0.1 })));
});

testWorkers("so are cuts", async (workers) => {
  using pool = new UpdatePool("cut");
  for (const [i, one] of many.entries()) {
    if (i === first) await workers.ready();
    await pool.add(copies(one), { rank: 8 });
  }
  assertEquals(await pool.finish(), many.map((one) => truncateUpdate(one, 8)));
});

testWorkers("so are comparisons", async (workers) => {
  using pool = new UpdatePool("compare");
  const others = many.map((one, seed) => ({ ...one, A: many[(seed + 2) % many.length].A }));
  for (const [i, one] of many.entries()) {
    if (i === first) await workers.ready();
    await pool.add(copies(one, others[i]), "A");
  }
  assertEquals(await pool.finish(), compareUpdates(many, others, "A"));
});

testWorkers("workers take the memory of weights too", async (workers) => {
  using pool = new UpdatePool("describe");
  const one = update(0, 32, 512);
  const weight = { shape: [512, 512], data: update(1, 512, 512).A.data };
  const options = { seed: 2 };
  for (let i = 0; i < first; i++) await pool.add(copies(many[i]), options);
  await workers.ready();
  const given = structuredClone(weight);
  await pool.add(copies(one), { ...options, weight: given });
  assert(isTaken(given));
  const rows = await pool.finish();
  assertEquals(rows.at(-1), describeUpdate(one, { ...options, weight }));
});

testWorkers("an update that a worker cannot describe fails as it does without", async (workers) => {
  const broken = update(99, 64, 3000);
  broken.B.data[7] = NaN;
  using pool = new UpdatePool("describe");
  for (const one of many.slice(0, first)) await pool.add(copies(one), {});
  await workers.ready();
  await pool.add(copies(broken), {});
  await assertRejects(() => pool.finish(), RangeError, "layer.99");
});

testWorkers("workers that end before a task are not used", async (workers) => {
  using pool = new UpdatePool("describe");
  for (const [i, one] of many.entries()) {
    if (i === first) {
      await workers.ready();
      await workers.end();
    }
    await pool.add(copies(one), {});
  }
  assertEquals(await pool.finish(), many.map((one) => describeUpdate(one)));
}, "before a task");

testWorkers("nor are those that end between tasks", async (workers) => {
  using pool = new UpdatePool("describe");
  for (const one of many.slice(0, first)) await pool.add(copies(one), {});
  await workers.ready();
  const [next] = copies(many[first]);
  const { A } = next;
  await pool.add([next], {});
  assert(isTaken(A));
  await pool.finish();
  await workers.end();
  for (const one of many.slice(first + 1)) await pool.add(copies(one), {});
  assertEquals(await pool.finish(), many.map((one) => describeUpdate(one)));
}, "between tasks");

testWorkers("a task whose worker ends fails with one sentence", async (workers) => {
  using pool = new UpdatePool("describe");
  const all = async () => {
    for (const [i, one] of many.entries()) {
      if (i === first) await workers.ready();
      await pool.add(copies(one), {});
    }
    await pool.finish();
  };
  const { message } = await assertRejects(all, Error);
  assertMatch(message, /^cannot finish "layer\.\d+": its worker ended \(.*ended during a task\)$/);
}, "during a task");
