import { assertEquals } from "@std/assert";
import { slimSvg } from "../../src/figures/still.ts";

const slim = (inner: string) => slimSvg(`<svg width="9">${inner}</svg>`);
const whole = (inner: string) => `<svg style="font-family:sans-serif" width="9">${inner}</svg>`;

Deno.test("what does not change the picture is removed, group by group", () => {
  assertEquals(slim('<g class="a"><g class="b"/><g><path d=""/></g></g>'), whole(""));
  const path = '<path class="point" style="opacity: 1; fill: rgb(213, 94, 0);" d="M1.23456,0"/>';
  assertEquals(slim(path), whole('<path style="fill:#d55e00" d="M1.23,0"/>'));
});

Deno.test("what is visible or used stays: faint things, named groups, clips in use, text", () => {
  const faint = '<path style="opacity:0.5" d="M0,0"/>';
  assertEquals(slim(faint), whole(faint));
  assertEquals(slim('<g id="a"/>'), whole('<g id="a"/>'));
  const clip = '<clipPath id="c"><rect/></clipPath>', user = '<path clip-path="url(#c)" d="M0,0"/>';
  assertEquals([slim(clip + user), slim(clip)], [whole(clip + user), whole("")]);
  const words = '<text>class="a" rgb(1, 2, 3) 1.23456</text>';
  assertEquals(slim(words), whole(words));
});
