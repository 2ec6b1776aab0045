/** Elements that kernels say they need, compared with those that their definitions touch. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Kernel, Numbers } from "../../kernels/kernel.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { casesByKernel } from "./cases.ts";
import { type KernelCase, referenceOf } from "./kernel_case.ts";

/** Bindings whose elements are chosen by the values of another: ids, or positions sorted by id. */
const chosenByValues: Readonly<Record<string, readonly string[]>> = {
  embedding_backward: ["dOut", "order"],
  rotary: ["table"],
  segment_outer: ["p", "q", "c"],
  segment_product: ["a", "b", "c"],
  segment_scale: ["vectors", "y"],
};

/**
 * An array that remembers how far it was read and written from its last stated element on. The elements
 * before it are a plain array, as fast as any; what that does not have is looked up in its prototype.
 */
class Recording {
  read = 0;
  written = 0;
  readonly numbers: Numbers;

  constructor(values: Numbers, stated: number) {
    const from = Math.max(0, stated - 1), all = Array.from(values);
    const rest = new Proxy(all, {
      get: (target, key) => {
        this.read = Math.max(this.read, countUpTo(key));
        return Reflect.get(target, key);
      },
      set: (target, key, value) => {
        this.written = Math.max(this.written, countUpTo(key));
        return Reflect.set(target, key, value);
      },
    });
    this.numbers = Object.setPrototypeOf(all.slice(0, from), rest);
  }
}

/** Elements up to and including that index; 0 for anything else, such as a method's name. */
function countUpTo(key: string | symbol): number {
  return typeof key === "string" && /^\d+$/.test(key) ? Number(key) + 1 : 0;
}

/** Runs the definition on arrays that remember; every binding has its own, even where a case shares one. */
function touched({ kernel, buffers, scalars }: KernelCase, before: Record<string, Numbers>) {
  const stated = kernel.elements(scalars);
  const recordings = Object.fromEntries(
    Object.keys(kernel.bindings).map((name) => {
      const source = buffers[name];
      const values = before[typeof source === "string" ? source : name];
      return [name, new Recording(values, stated[name] ?? values.length)];
    }),
  );
  const numbers = Object.entries(recordings).map(([name, { numbers }]) => [name, numbers]);
  kernel.reference(Object.fromEntries(numbers), scalars);
  return recordings;
}

function checkStatement(trial: KernelCase): void {
  const { kernel, scalars, name } = trial, { bindings } = kernel;
  const stated = kernel.elements(scalars);
  for (
    const [binding, { read, written }] of Object.entries(touched(trial, referenceOf(trial).before))
  ) {
    const elements = stated[binding], what = `${kernel.name}, ${name}: ${binding}`;
    if (elements === undefined) continue;
    if (bindings[binding].access === "read") assertEquals(written, 0, what);
    else assertEquals(written, elements, what);
    assertLessOrEqual(read, elements, what);
  }
}

/** Cases with more elements than this say nothing else and take minutes. */
const mostElements = 8000;

const sizeOf = (source: HostData | number | string): number =>
  typeof source === "number" ? source : typeof source === "string" ? 0 : source.length;

const isSmall = ({ buffers }: KernelCase): boolean =>
  Object.values(buffers).reduce((sum: number, source) => sum + sizeOf(source), 0) <= mostElements;

for (const [name, cases] of casesByKernel) {
  Deno.test(`${name} touches no more elements than it says, and writes as many`, () => {
    for (const trial of cases.filter(isSmall)) checkStatement(trial);
  });
}

Deno.test("a kernel states the elements of every buffer that no values choose from", () => {
  for (const [name, [{ kernel, scalars }]] of casesByKernel) {
    const chosen = chosenByValues[name] ?? [];
    const expected = Object.keys(kernel.bindings).filter((binding) => !chosen.includes(binding));
    assertEquals(Object.keys(kernel.elements(scalars)).sort(), expected.sort(), name);
  }
});

Deno.test("a launch without work needs no elements, whatever its strides and offsets", () => {
  for (const [name, [{ kernel, scalars }]] of casesByKernel) {
    const needed = Object.values(kernel.elements(withoutWork(kernel, scalars)));
    assert(needed.every((count) => count! <= 1), `${name} needs ${needed}`);
  }
});

/** The same scalars with all extents 0. */
function withoutWork(kernel: Kernel, scalars: Readonly<Record<string, number>>) {
  const isExtent = (name: string) =>
    kernel.scalars[name] === "u32" && !/Offset|Stride|^(has|transpose|accumulate)/.test(name);
  return Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [name, isExtent(name) ? 0 : value]),
  );
}
