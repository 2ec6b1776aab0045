import { assert, assertEquals, assertLessOrEqual, assertNotEquals } from "@std/assert";
import { BufferPool, sizeClass } from "../../src/device/webgpu/buffers.ts";

const MiB = 2 ** 20;

/** A pool of buffers that only remember whether they were destroyed. */
function fakePool(largest = 1024 * MiB) {
  const destroyed: number[] = [];
  const pool = new BufferPool({
    create: () => ({ destroy() {} }) as GPUBuffer,
    onDestroy: ({ id }) => destroyed.push(id),
  }, largest);
  return { pool, destroyed };
}

Deno.test("a size class holds its need and at most an eighth more", () => {
  for (const bytes of [0, 1, 4, 256, 257, 5000, 65537, 1e6, 123456789, 2 ** 31]) {
    const size = sizeClass(bytes);
    assert(size >= bytes && size % 256 === 0, `${bytes} in ${size}`);
    assertLessOrEqual(size, Math.max(bytes * 9 / 8, bytes + 256));
  }
});

Deno.test("a released buffer is handed out again, to the same kind only", () => {
  const { pool } = fakePool();
  const first = pool.acquire(1000, "values", "first", 0);
  pool.release(first);
  assertNotEquals(pool.acquire(1000, "indices", "second", 0).id, first.id);
  assertEquals(pool.acquire(1001, "values", "third", 0).id, first.id);
});

Deno.test("the same requests get the same buffers, in whatever order these were released", () => {
  const { pool } = fakePool();
  const step = () => [0, 1, 2, 3].map(() => pool.acquire(1000, "values", "buffer", 0));
  const first = step(), [a, b, c, d] = first;
  for (const order of [[a, b, c, d], [d, c, b, a], [b, d, a, c]]) {
    for (const buffer of order) pool.release(buffer);
    assertEquals(step().map(({ id }) => id), first.map(({ id }) => id));
  }
});

Deno.test("no class goes beyond the largest buffer", () => {
  const { pool } = fakePool(1000_192);
  assertEquals(pool.acquire(1000_000, "values", "big", 0).bytes, 1000_192);
});

Deno.test("free buffers beyond the largest need are destroyed, the longest unused first", () => {
  const { pool, destroyed } = fakePool();
  const ids = [40, 50, 60].map((size, submit) => {
    const buffer = pool.acquire(size * MiB, "values", "buffer", submit);
    buffer.lastSubmit = submit;
    pool.release(buffer);
    pool.trim(submit);
    return buffer.id;
  });
  assertEquals(destroyed, ids.slice(0, 2));
  assertLessOrEqual(pool.bytes, (60 * 9 / 8 + 16) * MiB);
});

Deno.test("a buffer whose commands wait is not destroyed before the submit", () => {
  const { pool, destroyed } = fakePool();
  const first = pool.acquire(100 * MiB, "values", "first", 5);
  first.lastSubmit = 5;
  pool.release(first);
  pool.release(pool.acquire(20 * MiB, "values", "second", 5));
  assertEquals(destroyed, []);
  for (let submit = 5; submit < 80; submit++) pool.trim(submit);
  assert(destroyed.includes(first.id));
});
