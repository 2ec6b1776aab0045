/** The site: every link resolves without a server, nothing is fetched, and the search finds. */

import { assert, assertEquals } from "@std/assert";
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import MiniSearch from "npm:minisearch@7.2.0";
import { deltaWeight } from "../../src/adapt/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { openLesson } from "../../src/lesson/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  difference,
  multiplyTransposed,
  squaredNorm,
  svd,
} from "../../src/linalg/mod.ts";
import { buildSite } from "../../scripts/site.ts";
import { slugOf } from "../../scripts/site/markdown.ts";
import { parts, pathsOf } from "../../scripts/site/parts.ts";
import { pagesBelow } from "../../scripts/site/reference.ts";
import { placeOf } from "../../scripts/site/repository.ts";
import { type Entry, find, options } from "../../scripts/site/search/find.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

/** The values of attributes that lead somewhere. */
const linksOf = (html: string): string[] =>
  Array.from(
    html.matchAll(/ (?:href|src|srcset)="([^"]*)"/g),
    ([, link]) => link.replaceAll("&#x2F;", "/").replaceAll("&amp;", "&"),
  );

const idsOf = (html: string): Set<string> =>
  new Set(Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => id));

const read = (path: string): string => Deno.readTextFileSync(path);

/** Links of all pages that lead nowhere, and pages that would fetch something from elsewhere. */
function brokenIn(site: string): string[] {
  const ids = new Map<string, Set<string>>(), broken = new Set<string>();
  for (const page of pagesBelow(site)) {
    const html = read(page);
    const fetched = /<(script|link|img|source|iframe)\b[^>]* (href|src|srcset)="https?:/.exec(html);
    if (fetched) broken.add(`${relative(site, page)} fetches: ${fetched[0]}`);
    const unknown = /data-copy="import [^"]* from &quot;(?!@lowrank\/core)[^&]*/.exec(html);
    if (unknown) broken.add(`${relative(site, page)} imports ${unknown[0]}`);
    for (const link of linksOf(html).filter((link) => !/^(https?|mailto|data):/.test(link))) {
      const [path, anchor = ""] = decodeURIComponent(link).split("#");
      const target = path === "" ? page : join(dirname(page), path);
      const isFile = existsSync(target) && statSync(target).isFile();
      if (isFile && anchor !== "" && !ids.has(target)) ids.set(target, idsOf(read(target)));
      const isStop = /^stop=\d+$/.test(anchor); // the playground reads it
      if (isFile && (anchor === "" || isStop || ids.get(target)!.has(anchor))) continue;
      broken.add(`${relative(site, page)}: ${link}`);
    }
  }
  return [...broken];
}

/** The index of a built site, as its page reads it. */
function indexIn(site: string): MiniSearch<Entry> {
  const [, base64] = /atob\("([^"]*)"\)/.exec(read(`${site}/search_index.js`))!;
  return MiniSearch.loadJSON(gunzipSync(Uint8Array.fromBase64(base64)).toString(), options);
}

/** Places that must be among so many first results: the list shows twelve. */
const wanted: readonly (readonly [query: string, place: string, within: number])[] = [
  ["merge an adapter", "api/~/merge.html", 1],
  ["how do I merge an adapter?", "api/~/merge.html", 1],
  ["injectLora", "api/~/injectLora.html", 1],
  ["inject lora", "api/~/injectLora.html", 3],
  ["take off an adapter", "docs/first_adapter.html#6-merge-or-take-it-off", 6],
  ["base in 4 bits", "docs/your_own_data.html#on-a-base-in-4-bits-qlora", 6],
  ["counting parameters", "notebooks/02_counting.html", 4],
  ["quiz", "docs/teaching/quiz.html", 3],
  ["what does r do?", "playground/index.html#stop=4", 3],
  ["rank", "notebooks/01_one_low_rank_matrix.html#the-rank-of-a-product", 6],
];

const kilobytes = (path: string): number => Math.ceil(statSync(path).size / 1000);

/** Bytes of some pages: a record, and no limit. */
function sizesIn(site: string): string {
  const pages = [...pagesBelow(site)].map((page) =>
    [relative(site, page), kilobytes(page)] as const
  );
  const largest = pages.toSorted(([, a], [, b]) => b - a).slice(0, 8);
  const files = ["index.html", "site.css", "site.js", "search.js", "search_index.js", "figures.js"]
    .map((name) => [name, kilobytes(join(site, name))] as const);
  return [...files, ...largest].map(([name, size]) => `${name} ${size} kB`).join(", ");
}

const numbersIn = (text: string): number[] => text.match(/\d+(\.\d+)?/g)!.map(Number);

/** The loss per example of the sum of some weights. */
function lossOf({ inputs, targets }: Batch<HostTensor>, weights: readonly DenseMatrix[]): number {
  const outputs = weights.map((weight) => multiplyTransposed(denseOf(inputs), weight));
  const left = outputs.reduce(difference, denseOf(targets));
  return squaredNorm(left) / left.rows;
}

/**
 * Numbers of the first page's picture in their order, from a lesson of 200 steps: rank, widths and steps; the losses of
 * W₀ and of LoRA, from the weights; and singular values of s·B·A and of D.
 */
async function numbersOfRun(): Promise<number[]> {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using lesson = await openLesson(device);
  await lesson.train(200);
  const { base, factors, shift } = await lesson.read(), { batch } = lesson.parts.task;
  const change = denseOf(deltaWeight(factors));
  const [before, after] = [[base], [base, change]].map((weights) => lossOf(batch, weights));
  const values = [change, shift.matrix].flatMap((matrix) => [...svd(matrix).values].slice(0, 4));
  return [
    ...[factors.A.shape[0], base.rows, base.columns, lesson.steps],
    ...[Number(before.toPrecision(3)), Number(after.toPrecision(2))],
    ...values.map((value) => Number(value.toFixed(2))),
  ];
}

Deno.test({
  name: "the site has every page, no broken link, no fetched file, and a search that finds",
  sanitizeResources: false, // the slides' decompositions open the system's BLAS, which stays open
  fn: (t) =>
    withFolder(async (folder) => {
      const site = `${folder}/site`, count = await buildSite(site);
      assert(count > 40, `${count} pages`);
      const pages = [...pagesBelow(site)];
      assert(pages.length > count + 1000, `${pages.length} pages in all`);
      console.log(`${pages.length} pages; ${sizesIn(site)}`);
      await t.step("every link leads to a file, and every anchor to a place", () => {
        assertEquals(brokenIn(site).slice(0, 20), []);
      });
      await t.step("a query finds the place where its answer is", () => {
        const index = indexIn(site);
        for (const [query, place, within] of wanted) {
          const places = find(index, query).map((found) => found.place);
          assert(places.slice(0, within).includes(place), `${query}: ${places.join(", ")}`);
        }
        assertEquals(find(index, "zzyzx"), []);
        const cut = find(index, "rank", Infinity).map(({ text }) => text).filter(({ length }) =>
          length > 130
        );
        assert(cut.some((text) => text.endsWith(" …")));
        assertEquals(cut.filter((text) => text.length > 142), []);
      });
      await t.step("answers of the lessons are not found by the search", () => {
        const all = find(indexIn(site), "quiz answers solutions of exercises", Infinity);
        assert(all.length > 20);
        assertEquals(all.filter(({ place }) => /quiz_answers|solutions/.test(place)), []);
      });
      await t.step("every cell of a notebook has its place, and no slider asks a kernel", () => {
        for (const path of parts.flatMap(pathsOf).filter((path) => path.endsWith(".ipynb"))) {
          const html = read(join(site, placeOf({ kind: "page", path, anchor: "" })));
          const { cells } = JSON.parse(sourceText(path));
          const code = [...cells.keys()].filter((at) => cells[at].cell_type === "code");
          const sections =
            /<section class="cell" data-cell="(\d+)" id="cell-\1">\s*(?:<details[^]*?<\/summary>)?<pre class="source"><code>/g;
          const places = Array.from(html.matchAll(sections), ([, at]) => Number(at));
          assertEquals(places, code, path);
          assert(!html.includes("data-slider"), path);
          assert(!html.includes("data:image/png"), `${path}: white in the dark`);
        }
      });
      await t.step("the playground leads to every part, and says in which one it is", () => {
        const header = read(join(site, "playground/index.html")).split("</nav>")[0];
        const links = Array.from(header.matchAll(/<a href="([^"]*)"( aria-current="page")?>/g));
        assertEquals(
          links.map(([, href, isHere]) => [join("playground", href), isHere !== undefined]),
          parts.map(({ home, name }) => [home, name === "Playground"]),
        );
      });
      await t.step("each page of a part leads to the next one", () => {
        for (const paths of parts.map(pathsOf).filter(({ length }) => length > 1)) {
          const places = paths.map((path) => placeOf({ kind: "page", path, anchor: "" }));
          places.slice(1).forEach((place, i) => {
            const [, next] = /rel="next" href="([^"]*)"/.exec(read(join(site, places[i])))!;
            assertEquals(join(dirname(places[i]), next), place);
          });
        }
      });
      await t.step(
        "the first page's picture is small, and says what the library computes",
        async () => {
          const said = await numbersOfRun();
          for (const layout of ["wide", "narrow"]) {
            const picture = `${site}/images/playground_${layout}.svg`;
            assert(kilobytes(picture) < 300);
            const [, label] = /aria-label="([^"]*)"/.exec(read(picture))!;
            assertEquals(numbersIn(label), said, layout);
          }
          const [, alt] = /<img src="images\/playground_wide\.svg" alt="([^"]*)"/.exec(
            read(`${site}/index.html`),
          )!;
          assertEquals(numbersIn(alt), said);
        },
      );
    }),
});

Deno.test("a heading's anchor is the one that GitHub makes", () => {
  assertEquals(slugOf("The paper's numbers"), "the-papers-numbers");
  assertEquals(slugOf("Two commands, now: `a_b` & c"), "two-commands-now-a_b--c");
});
