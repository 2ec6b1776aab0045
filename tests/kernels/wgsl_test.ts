/** Shaders keep clear of what drivers and compilers are known to get wrong (wgpu 29: #9674, #9592; wgpu#4592). */

import { assertEquals } from "@std/assert";
import { filesUnder, sourceText, withoutComments } from "../../scripts/support/source_files.ts";

const shaders = filesUnder("kernels").filter((path) => path.endsWith(".wgsl"));

/** Remainders of which a side is signed: naga 29 compiles them wrongly for negative numbers on some drivers. */
function signedRemainders(source: string): string[] {
  const signed = new Set(
    [...source.matchAll(/\b(\w+)\s*:\s*(?:array<)?i32/g)].map(([, name]) => name),
  );
  const isSigned = (side: string) =>
    /\bi32\(|\d+i\b/.test(side) || [...side.matchAll(/\w+/g)].some(([name]) => signed.has(name));
  return [
    ...source.matchAll(
      /([\w.]+(?:\([^()]*\)|\[[^\[\]]*\])?|\([^()]*\)) *% *([\w.]+(?:\([^()]*\))?)/g,
    ),
  ]
    .filter(([, left, right]) => isSigned(left) || isSigned(right))
    .map(([whole]) => whole);
}

/** Variables in the body of a loop that are declared without a value: naga 29 keeps what they had a turn before. */
function oldValues(source: string): string[] {
  const found: string[] = [], blocks: boolean[] = [];
  for (
    const [token] of source.matchAll(
      /\b(?:for|while|loop)\b[^{};]*(?:;[^{};]*;[^{}]*)?\{|\{|\}|\bvar\b[^;{}]*;/g,
    )
  ) {
    if (token.endsWith("{")) blocks.push(token.length > 1);
    else if (token === "}") blocks.pop();
    else if (!token.includes("=") && blocks.includes(true)) found.push(token);
  }
  return found;
}

/** Workgroups of more threads than every adapter has to allow. */
const largeGroups = (source: string): string[] =>
  [...source.matchAll(/@workgroup_size\(([^)]*)\)/g)]
    .filter(([, extents]) =>
      extents.split(",").map(Number).reduce((product, extent) => product * extent, 1) > 256
    ).map(([whole]) => whole);

for (const [rule, faults] of Object.entries({ signedRemainders, oldValues, largeGroups })) {
  Deno.test(`no shader has ${rule}`, () => {
    const found = shaders.flatMap((path) =>
      faults(withoutComments(sourceText(path))).map((text) => `${path}: ${text}`)
    );
    assertEquals(found, []);
  });
}

Deno.test("each rule for shaders finds a planted fault, and leaves what is right", () => {
  const head = "@group(0) @binding(0) var<storage> targets: array<i32>;\nfn f(a: i32, b: u32) {\n";
  const planted = [
    "let x = a % 3;",
    "let x = b % u32(a);",
    "let x = i32(b) % 4;",
    "let x = targets[b] % 4;",
  ];
  for (const line of planted) assertEquals(signedRemainders(`${head}${line}\n}`).length, 1, line);
  assertEquals(signedRemainders(`${head}let x = b % 4u; let y = (b + 1u) % b;\n}`), []);
  const loops = [
    "for (var i = 0u; i < 3u; i++) { var sum: f32; }",
    "while (b > 0u) { if (b > 1u) { var x: vec4f; } }",
    "loop { var x: f32; }",
  ];
  for (const loop of loops) assertEquals(oldValues(`${head}${loop}\n}`).length, 1, loop);
  assertEquals(
    oldValues(`${head}var x: f32; for (var i = 0u; i < 3u; i++) { var y = 0.0; } var z: f32;\n}`),
    [],
  );
  assertEquals(largeGroups("@compute @workgroup_size(32, 16)\nfn f() {}").length, 1);
  assertEquals(largeGroups("@compute @workgroup_size(16, 16)\nfn f() {}"), []);
});
