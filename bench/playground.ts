/**
 * Start time and smoothness of the playground: `deno task bench:playground [cpu|webgpu]`.
 *
 * Builds the page and opens it from a file in headless Chromium, whose WebGPU is SwiftShader, on the CPU.
 * Prints bytes, times from the navigation or from a press (medians of loads in new tabs), and the times
 * between two frames while the page trains.
 */

import { pathToFileURL } from "node:url";
import { formatState, initial, type State } from "../playground/state.ts";
import { buildPlayground } from "../scripts/playground.ts";
import { mean, median } from "../src/core/numbers.ts";
import { Browser, type Page } from "../scripts/support/browser.ts";
import { withFolder } from "../scripts/support/folders.ts";

type Backend = "cpu" | "webgpu";

const loads = 3, frameMs = 3000, warmUpMs = 500;

/** Helpers that run before the page's script: they wait for a step, and for frames. */
const helpers = `globalThis.stepsOf = (id) =>
  Number(document.querySelector("#" + id + " dd")?.textContent ?? 0);
globalThis.untilStep = (id) => new Promise((resolve) => {
  const look = () => stepsOf(id) > 0 && (observer.disconnect(), resolve(performance.now()));
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true });
  look();
});
globalThis.framesOf = (id, ms) => new Promise((resolve) => {
  const times = [], before = stepsOf(id);
  const frame = (time) => {
    times.push(time);
    if (time - times[0] < ms) requestAnimationFrame(frame);
    else resolve({ times, steps: stepsOf(id) - before });
  };
  requestAnimationFrame(frame);
});
globalThis.firstStep = untilStep("numbers");`;

/** A page at a state, in a tab of its own. */
async function openAt(browser: Browser, address: string, state: Partial<State>): Promise<Page> {
  const page = await browser.open("about:blank");
  await page.send("Page.addScriptToEvaluateOnNewDocument", { source: helpers });
  await page.goTo(address + formatState({ ...initial, ...state }));
  return page;
}

/** First paint and first trained step of the planted shift, in ms from the navigation. */
async function timeLoads(browser: Browser, address: string, device: Backend): Promise<void> {
  const paints: number[] = [], steps: number[] = [];
  for (let load = 0; load < loads; load++) {
    await using page = await openAt(browser, address, { device, steps: 1 });
    steps.push(await page.evaluate("firstStep"));
    paints.push(
      await page.until(
        `performance.getEntriesByName("first-contentful-paint")[0]?.startTime`,
        10_000,
        "a paint",
      ),
    );
  }
  print("first paint", `${median(paints).toFixed(0)} ms`);
  print("first trained step of the planted shift", `${median(steps).toFixed(0)} ms`);
}

/** Times between two frames of a page that trains. */
async function timeFrames(page: Page, name: string, id: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const { times, steps } = await page.evaluate<{ times: number[]; steps: number }>(
    `framesOf("${id}", ${frameMs})`,
  );
  const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  const [seconds, high] = [(times.at(-1)! - times[0]) / 1000, gaps[Math.floor(0.95 * gaps.length)]];
  print(
    `frames, ${name}`,
    `${(gaps.length / seconds).toFixed(1)} a second; mean ${mean(gaps).toFixed(1)}, median ` +
      `${median(gaps).toFixed(1)}, 95% ${high.toFixed(1)} ms; ${
        (steps / seconds).toFixed(1)
      } steps a second`,
  );
}

/** While the planted shift trains. */
async function timeLesson(
  browser: Browser,
  address: string,
  state: Partial<State>,
): Promise<void> {
  await using page = await openAt(browser, address, { ...state, steps: 1 });
  await page.evaluate("firstStep");
  await page.evaluate(`document.getElementById("run").click()`);
  await timeFrames(page, `planted shift, ${state.width} wide`, "numbers");
}

/** Times the tiny GPT-2 from the press that loads it, and while it trains. */
async function timeTiny(browser: Browser, address: string, textDevice: Backend): Promise<void> {
  await using page = await openAt(browser, address, { textDevice, textSteps: 200 });
  await page.evaluate("new Promise((resolve) => setTimeout(resolve, 500))");
  const ms = await page.evaluate<number>(`(async () => {
    const start = performance.now(), step = untilStep("tiny-numbers");
    document.getElementById("tiny-load").click();
    document.getElementById("tiny-run").click();
    return await step - start;
  })()`);
  print("first trained step of the tiny GPT-2, from Load", `${ms.toFixed(0)} ms`);
  await timeFrames(page, "tiny GPT-2", "tiny-numbers");
}

const print = (name: string, value: string) => console.log(`${name.padEnd(48)} ${value}`);

async function timeBackend(address: string, device: Backend): Promise<void> {
  console.log(device === "cpu" ? "\nWASM, one thread" : "\nWebGPU by SwiftShader");
  await using browser = await Browser.start({ webgpu: true });
  await timeLoads(browser, address, device);
  await timeLesson(browser, address, { device, width: 2, rank: 1, shiftRank: 1, alpha: 1 });
  await timeLesson(browser, address, { device, width: 16 });
  await timeTiny(browser, address, device);
}

await withFolder(async (folder) => {
  const bytes = await buildPlayground(folder);
  print("index.html", `${bytes.toLocaleString("en-US")} bytes`);
  const address = pathToFileURL(`${folder}/index.html`).href;
  const backends = Deno.args.length > 0 ? Deno.args as Backend[] : ["cpu", "webgpu"] as const;
  for (const device of backends) await timeBackend(address, device);
});
