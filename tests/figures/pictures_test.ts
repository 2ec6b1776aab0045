/** Pictures of matrices: sizes to scale, colors by role, and where points go. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { boxesPicture, planesPicture } from "../../src/figures/mod.ts";
import { pictureBundle, planeSvg, shadeOf } from "../../src/figures/pictures.ts";

const words = { alt: "B < A", caption: "one & two" };

const rectangles = (svg: string) =>
  Array.from(
    svg.matchAll(/<rect class="(\w+ \w+)"[^>]* width="([\d.]+)" height="([\d.]+)"/g),
    ([, kind, width, height]) => [kind, Number(width), Number(height)],
  );

Deno.test("boxes have the sizes of their matrices, and the colors of their roles", () => {
  const { svg } = boxesPicture({ ...words, cell: 10 }, [
    { name: "W", rows: 6, columns: 8, role: "base" },
    { sign: "+" },
    { name: "B", rows: 6, columns: 1, role: "lora", notes: ["trained", "a much longer note"] },
    { sign: "·" },
    { name: "A", rows: 1, columns: 8, role: "lora" },
  ]);
  assertEquals(rectangles(svg), [
    ["box base", 80, 60],
    ["box lora", 10, 60],
    ["box lora", 80, 10],
  ]);
  const starts = Array.from(svg.matchAll(/<rect class="box \w+" x="([\d.]+)"/g), ([, x]) => +x);
  assert(starts[0] + 80 < starts[1] && starts[1] + 10 < starts[2], `${starts}`);
  const [, width] = /width="(\d+)"/.exec(svg)!;
  assert(starts[2] + 80 < Number(width), "the card goes around all");
});

Deno.test("values have the color of their sign, and zeros none", () => {
  const box = { name: "A", rows: 2, columns: 2, role: "lora", values: [4, -1, 0, 4] } as const;
  const { svg } = boxesPicture(words, [box]);
  const paths = Array.from(svg.matchAll(/<path [^>]*\/>/g), ([path]) => path);
  assertEquals(paths, [
    `<path class="positive" fill-opacity="1" d="M0 0h1v1h-1zM1 1h1v1h-1z"/>`,
    `<path class="negative" fill-opacity="0.5" d="M1 0h1v1h-1z"/>`,
  ]);
  assertEquals(rectangles(svg).map(([kind]) => kind), ["outline lora"]);
  assertEquals([0, -0.25, 1, 7].map(shadeOf), [0, 0.5, 1, 1]);
});

Deno.test("a matrix takes (1, 0) to its first column, which is up where y is positive", () => {
  const ellipses = [{ matrix: [0, -1, 1, 0], role: "full" }] as const;
  const svg = planeSvg({ ellipses, arrows: [1, 0], half: 2, size: 200 });
  assertMatch(svg, /<circle class="end full" cx="100\.0" cy="50\.0"/);
  assertMatch(svg, /<g class="arrow" transform="translate\(100\.0 100\.0\) rotate\(0\.0\)">/);
  assertMatch(svg, /M0,0H50\.0/);
});

Deno.test("a picture is an image with words, on paper for light and for dark", () => {
  const ellipses = [{ matrix: [1, 0, 0, 1], role: "base" }] as const;
  const plane = { title: "x < y", ellipses, arrows: [], half: 2 };
  const picture = planesPicture(words, [plane, plane], { base: "W", lora: "W + BA" });
  assertMatch(picture.svg, /^<svg [^>]*aria-label="B &lt; A"[^]*x &lt; y[^]*W \+ BA/);
  assertMatch(picture.svg, /--paper: #ffffff[^]*prefers-color-scheme: dark[^]*--paper: #15181f/);
  const bundle = pictureBundle(picture);
  assertMatch(String(bundle["text/html"]), /<img [^>]*alt="B &lt; A"[^]*one &amp; two/);
  assertEquals(bundle["text/plain"], "[picture] B < A\none & two");
  assertEquals(bundle["image/svg+xml"], picture.svg);
});
