/** The heap in given orders, and in any order against a model that only knows which ranges are live. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Random } from "../../src/core/random.ts";
import { Heap } from "../../src/device/cpu/cpu_device.ts";

/** Bytes of every live range, by address. */
type Live = Map<number, number>;

interface Real {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
}

type Command = fc.Command<Live, Real>;

/** Start and limit of the heaps: 128 pages, of which the last is a guard. */
const base = 1000, firstAddress = 1024, pages = 128, page = 65536;

/** The room of a range: whole cache lines, at least one. */
const roomFor = (bytes: number): number => Math.max(64, Math.ceil(bytes / 64) * 64);

const allocate = (bytes: number): Command => ({
  check: () => true,
  run(live, { memory, heap }) {
    const address = heap.allocate(bytes);
    if (address === undefined) {
      assert(largestGap(live) < roomFor(bytes), `${bytes} bytes have room in ${[...live]}`);
    } else {
      for (const [other, size] of live) {
        const apart = address + roomFor(bytes) <= other || other + roomFor(size) <= address;
        assert(apart, `${address} overlaps ${other}`);
      }
      assertEquals(address % 64, 0);
      assert(address >= base && address + bytes <= memory.buffer.byteLength - page);
      live.set(address, bytes);
    }
    checkBytes(live, heap);
  },
  toString: () => `allocate(${bytes})`,
});

const release = (which: number): Command => ({
  check: (live) => live.size > 0,
  run(live, { heap }) {
    const [address, bytes] = [...live][which % live.size];
    heap.release(address, bytes);
    live.delete(address);
    checkBytes(live, heap);
  },
  toString: () => `release(${which})`,
});

const releaseAll: Command = {
  check: () => true,
  run(live, { heap }) {
    for (const [address, bytes] of live) heap.release(address, bytes);
    live.clear();
    assertEquals(heap.liveBytes, 0);
    // All that came back is one range again, which ends where the unused memory begins.
    const everything = (pages - 1) * page - firstAddress;
    assertEquals(heap.allocate(everything), firstAddress);
    heap.release(firstAddress, everything);
  },
  toString: () => "releaseAll",
};

function checkBytes(live: Live, heap: Heap): void {
  assertEquals(heap.liveBytes, [...live.values()].reduce((sum, bytes) => sum + roomFor(bytes), 0));
}

/** The largest contiguous room that the model knows of. */
function largestGap(live: Live): number {
  let end = firstAddress, largest = 0;
  for (const [address, bytes] of [...live].sort(([a], [b]) => a - b)) {
    largest = Math.max(largest, address - end);
    end = address + roomFor(bytes);
  }
  return Math.max(largest, (pages - 1) * page - end);
}

const bytes = fc.oneof(
  fc.nat(200),
  fc.nat(100_000),
  fc.nat(4_000_000),
  fc.constantFrom(0, 63, 64, 65, 2 ** 32, 2 ** 40),
);

Deno.test("heap: whatever the order, ranges are apart, counted, joined and found again", () => {
  const commands = fc.commands([
    bytes.map(allocate),
    bytes.map(allocate),
    fc.nat(1000).map(release),
    fc.constant(releaseAll),
  ], { maxCommands: 200, size: "max" });
  const run = (all: Iterable<Command>) => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: pages, shared: true });
    const setup = () => ({
      model: new Map<number, number>(),
      real: { memory, heap: new Heap(memory, base) },
    });
    fc.modelRun(setup, all);
  };
  fc.assert(fc.property(commands, run), { seed: 1, numRuns: 60 });
});

const newMemory = (maximum = 65536) =>
  new WebAssembly.Memory({ initial: 16, maximum, shared: true });

Deno.test("heap: addresses are aligned, apart and inside of the memory", () => {
  const memory = newMemory(), heap = new Heap(memory, 1000), random = new Random(1);
  const live = new Map<number, number>();
  for (let turn = 0; turn < 3000; turn++) {
    if (live.size > 0 && random.uniform() < 0.45) {
      const [address, bytes] = [...live][random.integer(live.size)];
      heap.release(address, bytes);
      live.delete(address);
      continue;
    }
    const bytes = random.integer(random.uniform() < 0.1 ? 5_000_000 : 5_000);
    const address = heap.allocate(bytes)!;
    assertEquals(address % 64, 0);
    assert(address >= 1000 && address + bytes <= memory.buffer.byteLength - 65536);
    for (const [other, size] of live) {
      assert(address + bytes <= other || other + size <= address, "two ranges overlap");
    }
    assert(!live.has(address));
    live.set(address, bytes);
  }
  for (const [address, bytes] of live) heap.release(address, bytes);
  assertEquals(heap.liveBytes, 0);
  assertEquals(heap.allocate(10), 1024, "what came back was not joined to one range");
});

Deno.test("heap: a freed range serves what fits into it, and neighbors join", () => {
  const heap = new Heap(newMemory(), 0);
  const [a, b, c] = [heap.allocate(100)!, heap.allocate(200)!, heap.allocate(300)!];
  heap.allocate(64);
  heap.release(a, 100);
  heap.release(c, 300);
  heap.release(b, 200);
  assertEquals(heap.allocate(128 + 256 + 320), a);
});

Deno.test("heap: where the memory ends there is no address, and nothing is lost", () => {
  const heap = new Heap(newMemory(32), 0);
  assertEquals(heap.allocate(2 ** 32), undefined);
  assertEquals(heap.allocate(33 * 65536), undefined);
  assertEquals(heap.liveBytes, 0);
  assertEquals(heap.allocate(31 * 65536), 0, "all but the guard page is for use");
});
