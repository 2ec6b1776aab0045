/**
 * Saving an adapter in a process of its own with a fault at every call to the system: kills are kills, and
 * nothing of the package knows of the fault.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { readAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { type Fault, faults } from "./faulty_disk.ts";
import { copyFolder, type Files, filesOf, stateOf, temporaryIn } from "./saved_files.ts";

const canPreload = Deno.build.os === "linux" &&
  await new Deno.Command("cc", { args: ["--version"], stdout: "null" }).output()
    .then(({ success }) => success, () => false);

const group = {
  key: "adapter_config.json",
  names: ["README.md", "adapter_config.json", "adapter_model.safetensors"],
};

/** A program that saves an adapter with this scaling. */
const program = `
  import { writeAdapter } from "${rootPath}src/formats/mod.ts";
  const [folder, scaling] = Deno.args;
  const matrix = (...shape) => ({ shape, data: new Float32Array(6).fill(Number(scaling)) });
  const update = { module: "h.0.c_attn", A: matrix(2, 3), B: matrix(3, 2), scaling: Number(scaling) };
  await writeAdapter(folder, { updates: [update] })
    .catch(({ message }) => { console.error(message); Deno.exit(1); });
`;

/** A folder with the program and the compiled library. */
class Workshop {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    Deno.writeTextFileSync(`${root}/save.ts`, program);
    const source = `${rootPath}tests/faults/faulty_kernel.c`;
    const args = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", `${root}/faulty.so`, source];
    const { success, stderr } = new Deno.Command("cc", { args }).outputSync();
    assert(success, new TextDecoder().decode(stderr));
  }

  /** Saves; with a fault, says whether it was reached. */
  save(folder: string, scaling: number, fault?: Fault, at = 0) {
    const reached = `${this.#root}/reached`;
    const env: Record<string, string> = fault === undefined ? {} : {
      LD_PRELOAD: `${this.#root}/faulty.so`,
      FAULT: fault,
      FAULT_AT: String(at),
      FAULT_FOLDER: folder,
      FAULT_REACHED: reached,
    };
    const args = ["run", "-A", "--no-check", "--no-lock", `${this.#root}/save.ts`];
    const { code, stderr } = new Deno.Command(Deno.execPath(), {
      args: [...args, folder, String(scaling)],
      cwd: rootPath,
      env: { ...env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    }).outputSync();
    const isReached = filesOf(this.#root).has("reached");
    if (isReached) Deno.removeSync(reached);
    return { code, isReached, message: new TextDecoder().decode(stderr) };
  }
}

/** Saves with a fault, and again without; returns whether the fault was reached. */
async function tryOne(
  workshop: Workshop,
  before: string,
  fresh: Files,
  fault: Fault,
  at: number,
): Promise<boolean> {
  const folder = `${before}-${fault}-${at}`;
  copyFolder(before, folder);
  const { code, isReached, message } = workshop.save(folder, 3, fault, at);
  const what = `${fault} at call ${at}, exit code ${code}: ${message}`, old = filesOf(before);
  const files = filesOf(folder), state = stateOf(group, files, { old, fresh }, what);
  const isRead = await readAdapter(folder).then(() => true, () => false);
  assertEquals(isRead, state !== "refused", what);
  const isDead = isReached && (fault === "kill" || fault === "torn");
  const mustSave = !isReached || fault === "short" || fault === "EINTR";
  assertEquals(code, isDead ? 128 + 9 : mustSave ? 0 : code, what);
  if (!isDead) {
    const isNew = code === 0 || message.includes("is in place, but may be lost");
    assertEquals(state, isNew ? "new" : "old", what);
  }
  const again = workshop.save(folder, 3);
  assertEquals([again.code, temporaryIn(filesOf(folder))], [0, []], what);
  assertEquals(stateOf(group, filesOf(folder), { old, fresh }, what), "new", what);
  await Deno.remove(folder, { recursive: true });
  return isReached;
}

for (const fault of faults) {
  Deno.test({
    name: `${fault} at every call to the system leaves an adapter that is old, new or refused`,
    ignore: !canPreload,
    fn: () =>
      withFolder(async (root) => {
        const workshop = new Workshop(root), before = `${root}/before`, after = `${root}/after`;
        assertEquals(workshop.save(before, 2).code, 0);
        assertEquals(workshop.save(after, 3).code, 0);
        let at = 0;
        while (await tryOne(workshop, before, filesOf(after), fault, at)) at++;
        // Three files, each made, written, flushed, set aside and replaced.
        assert(at > 3 * 5, `found ${at} calls`);
      }),
  });
}
