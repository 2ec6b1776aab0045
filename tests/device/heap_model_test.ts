/** The heap against a model that only knows which ranges are live. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { Heap } from "../../src/device/cpu/heap.ts";

/** Bytes of every live range, by address. */
type Live = Map<number, number>;

interface Real {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
}

type Command = fc.Command<Live, Real>;

/** Where the heaps begin, and how far they grow: 128 pages, of which the last is a guard. */
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
