import { assert, assertEquals } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { Heap } from "../../src/device/cpu/heap.ts";

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
