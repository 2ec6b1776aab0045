/** Requests of a reader while another is being answered. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fakePage, FakeWorker } from "./fake_page.ts";
import { initial, type State } from "../../playground/state.ts";

const byId = fakePage(); // Before the modules that look for a page.
const { Remote } = await import("../../playground/tiny/remote.ts");
const { TinyApp } = await import("../../playground/tiny_app.ts");
const { showAdapter } = await import("../../playground/views/adapter.ts");

/** Waits for what comes within some hundred turns. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !isTrue(); turn++) await aTurn();
  assert(isTrue(), `${isTrue}`);
}

const aTurn = () => new Promise((resolve) => setTimeout(resolve));

/** Waits until nothing is called any more. */
async function quiet(): Promise<void> {
  for (let left = 5, before = 0; left > 0; left--) {
    await aTurn();
    if (FakeWorker.calls.length > before) [left, before] = [5, FakeWorker.calls.length];
  }
}

const namesOf = (calls: typeof FakeWorker.calls) => calls.map(({ name }) => name);

Deno.test("of two adapters that are read at once, the newest is shown", async () => {
  const folder = "models/rank-study/qv-r2-seed1";
  const files = await Promise.all(
    ["adapter_config.json", "adapter_model.safetensors"].map(async (name) =>
      new File([await Deno.readFile(`${folder}/${name}`)], name)
    ),
  );
  const older = showAdapter(files);
  await showAdapter([files[1]]); // A refusal is there at once.
  const refusal = byId("adapter-said").textContent;
  assertMatch(refusal, /^Not read: /);
  await older;
  assertEquals([byId("adapter-said").textContent, byId("adapter-found").hidden], [refusal, true]);
  await showAdapter(files);
  assertMatch(byId("adapter-said").textContent, /^4 sites/);
});

Deno.test("after its worker has failed, calls that wait and later ones are refused", async () => {
  const remote = new Remote(), waiting = remote.call("step");
  FakeWorker.last.onerror!({ message: "out of memory" });
  await assertRejects(() => waiting, Error, "out of memory");
  await assertRejects(() => remote.call("step"), Error, "out of memory");
  assertEquals(namesOf(FakeWorker.calls), ["step"]);
  await quiet();
});

const spectra = [0, 1, 2, 3].map((site) => ({ name: `${site}`, singularValues: [1] }));

/** A worker whose words are the prompt and the seed. */
function answer({ name, given }: { name: string; given: readonly unknown[] }): unknown {
  const { textSteps: steps } = initial;
  const start = { settings: { steps }, computedBy: "", notes: "", lines: [], parameters: 0 };
  if (name === "open") return [start, { spectra }];
  if (name === "step") return { loss: 1, spectra };
  if (name === "speak") return given.slice(1).join();
  if (name === "next") return [{ text: "a", base: 0.5, student: 0.5 }];
  return ["adapter_config.json", "adapter_model.safetensors"].map((file) => new File([], file));
}

/** The app, loaded and standing still. */
async function loaded(state: State) {
  Object.assign(globalThis, { tinySkills: {} });
  FakeWorker.answer = answer;
  FakeWorker.calls = [];
  const app = new TinyApp(state), click = (id: string) => (byId(id).onclick as () => void)();
  click("tiny-load");
  await until(() => FakeWorker.calls.length > 0);
  await quiet();
  return { app, click };
}

Deno.test("another prompt is continued between two steps, and the training goes on", async () => {
  const { app, click } = await loaded(initial);
  const { calls } = FakeWorker, from = calls.length;
  click("tiny-run");
  await until(() => calls.length > from + 2);
  app.show({ ...initial, prompt: "Dear sea," }, true);
  const isSaid = () => byId("tiny-words").innerHTML.split("Dear sea,,").length === 7;
  await until(isSaid);
  assertEquals(byId("tiny-run").textContent, "Pause");
  await quiet();
  assertEquals(byId("tiny-run").textContent, "Learn again");
  assertEquals(namesOf(calls).filter((name) => name === "step").length, initial.textSteps);
});

Deno.test("a prompt's words stand beside that prompt, and the next does not wait for all of them", async () => {
  const { app } = await loaded(initial), { calls } = FakeWorker, from = calls.length;
  const shown: string[] = []; // Each table of words, however soon the next replaces it.
  Object.defineProperty(byId("tiny-words"), "innerHTML", { set: (words) => shown.push(words) });
  const spoken = () => calls.slice(from).filter(({ name }) => name === "speak");
  app.show({ ...initial, prompt: "Dear sea," }, true);
  await until(() => spoken().length > 0);
  app.show({ ...initial, prompt: "Dear moon," }, true);
  await quiet();
  assertEquals(shown.filter((words) => words.includes("<b>Dear moon,</b>Dear sea,")), []);
  const prompts = spoken().map(({ given: [, prompt] }) => prompt);
  assertEquals(prompts, [...Array(2).fill("Dear sea,"), ...Array(6).fill("Dear moon,")]);
});

Deno.test("learning again begins with a step, not with words", async () => {
  const { click } = await loaded({ ...initial, textSteps: 5 }), { calls } = FakeWorker;
  click("tiny-run");
  await quiet();
  const from = calls.length;
  click("tiny-run");
  await quiet();
  assertEquals(namesOf(calls).slice(from, from + 2), ["open", "step"]);
});
