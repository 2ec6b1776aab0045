/**
 * The most that WebAssembly's vectors of 128 bits can do: multiply-adds in registers, with no load.
 *
 * This module is its own worker: all threads run the same loop at once, and the time is until the last is done.
 */

const chains = 12; // at least latency x units: 4 cycles x 2
const [localGet, localSet, localTee, f32x4Splat] = [0x20, 0x21, 0x22, [0xfd, 0x13]];
const [relaxedMadd, f32x4Add, firstLane] = [[0xfd, 0x85, 2], [0xfd, 0xe4, 1], [0xfd, 0x1f, 0]];
const [loop, branchIf, end, subtract, constant] = [[0x03, 0x40], 0x0d, 0x0b, 0x6b, 0x41];
const [i32, f32, v128, functionType, functionExport] = [0x7f, 0x7d, 0x7b, 0x60, 0];

/** `(turns: i32, x: f32) -> f32`: each turn is one multiply-add in each chain. */
function program(): Uint8Array<ArrayBuffer> {
  const x = 2, sums = Array.from({ length: chains }, (_, i) => 3 + i);
  const section = (id: number, content: number[]) => [id, content.length, ...content];
  const body = [
    ...[1, chains + 1, v128],
    ...[localGet, 1, ...f32x4Splat, localSet, x],
    ...loop,
    ...sums.flatMap((c) => [localGet, x, localGet, x, localGet, c, ...relaxedMadd, localSet, c]),
    ...[localGet, 0, constant, 1, subtract, localTee, 0, branchIf, 0, end],
    ...[localGet, sums[0], ...sums.slice(1).flatMap((c) => [localGet, c, ...f32x4Add])],
    ...[...firstLane, end],
  ];
  const size = [body.length & 127 | 128, body.length >> 7], code = [1, ...size, ...body];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, functionType, 2, i32, f32, 1, f32]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, "f".charCodeAt(0), functionExport, 0]),
    ...[10, code.length & 127 | 128, code.length >> 7, ...code],
  ]);
}

/** Turns of one run, about 10 ms, beside which a message takes nothing. */
const turns = 5_000_000;

function answer(): void {
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(program())).exports;
  const run = f as (turns: number, x: number) => number;
  const here = self as unknown as Worker;
  here.onmessage = () => here.postMessage(run(turns, 0.5));
}

/** One run in each worker, until the last one is done. */
function runAll(workers: readonly Worker[]): Promise<unknown> {
  return Promise.all(workers.map((worker) =>
    new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = reject;
      worker.postMessage(0);
    })
  ));
}

/** GFLOP/s of `threads` threads at once: the best of runs that all of them begin together, for a second. */
export async function multiplyAddPeak(threads: number): Promise<number> {
  const workers = Array.from(
    { length: threads },
    () => new Worker(import.meta.url, { type: "module" }),
  );
  await runAll(workers); // which starts and compiles
  let best = Infinity;
  for (const start = performance.now(); performance.now() - start < 1000;) {
    const begin = performance.now();
    await runAll(workers);
    best = Math.min(best, performance.now() - begin);
  }
  for (const worker of workers) worker.terminate();
  return threads * turns * chains * 8 / best / 1e6;
}

if ("WorkerGlobalScope" in globalThis) answer();
