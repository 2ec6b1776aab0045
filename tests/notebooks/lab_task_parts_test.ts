/** `deno task lab` as a process: what it serves and trusts, and that Ctrl-C leaves nothing behind. */

import { assertEquals } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { committedNotebooks } from "../../scripts/lab_trust.ts";
import { deadline } from "../../scripts/support/deadline.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { serverAddress } from "../support/lab.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const token = crypto.randomUUID();

function startLab(runtime: string, folder: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/lab.ts", folder, "--no-browser", "--allow-root", "--port=0"],
    cwd: rootPath,
    env: {
      JUPYTER_CONFIG_DIR: `${runtime}/config`,
      JUPYTER_DATA_DIR: `${runtime}/data`,
      JUPYTER_RUNTIME_DIR: runtime,
      JUPYTER_TOKEN: token,
    },
    detached: true, // a process group of its own, as a terminal gives it
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Asks until the server answers. */
async function ask(runtime: string, path: string, body?: unknown, base = "api") {
  const headers = { authorization: `token ${token}` };
  const request = body ? { method: "POST", body: JSON.stringify(body), headers } : { headers };
  while (true) {
    try {
      return await (await fetch(`${await serverAddress(runtime)}/${base}/${path}`, request)).json();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // no address yet, or nobody there
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

Deno.test({
  name: "deno task lab serves a folder with this deno as its kernel, and Ctrl-C ends everything",
  ignore: !labInstalled(),
  fn: () =>
    withFolder(async (runtime) => {
      const folder = `${runtime}/mine`;
      await Deno.mkdir(folder);
      const lab = startLab(runtime, folder);
      try {
        const ended = lab.status.then(({ code }) => Promise.reject(new Error(`it ended: ${code}`)));
        const answer = Promise.race([ask(runtime, "kernelspecs"), ended]);
        const specs = await deadline(answer, 120_000, "the lab to answer");
        ended.catch(() => {}); // from here on it may
        const [deno] = specs.kernelspecs.deno.spec.argv;
        assertEquals(await Deno.realPath(deno), await Deno.realPath(Deno.execPath()));
        const { content } = await ask(runtime, "contents");
        assertEquals(content.map(({ name }: { name: string }) => name), ["deno.json"]);
        const news = "settings/@jupyterlab/apputils-extension:notification";
        const { schema } = await ask(runtime, news, undefined, "lab/api");
        assertEquals(schema.properties.fetchNews.default, "false");
        await ask(runtime, "kernels", { name: "deno" });
        assertEquals(filesIn(runtime).some((name) => name.startsWith("kernel-")), true);
        Deno.kill(-lab.pid, "SIGINT");
        assertEquals((await deadline(lab.status, 60_000, "the lab to end")).code, 0);
        // Jupyter removes a kernel's connection file once the kernel has ended, and then its own.
        assertEquals(filesIn(runtime).filter((name) => /^(kernel|jpserver)-/.test(name)), []);
      } finally {
        try {
          lab.kill("SIGTERM"); // which it passes on
        } catch { /* it has ended */ }
        await lab.status;
      }
    }),
});

Deno.test({
  name: "notebooks are trusted as git has them: not changed ones, not new ones, none without git",
  ignore: !labInstalled(),
  fn: () =>
    withFolder(async (folder) => {
      const write = (name: string, text: string) =>
        Deno.writeTextFile(`${folder}/${name}.ipynb`, text);
      const git = (...args: string[]) =>
        new Deno.Command("git", { args, cwd: folder, stdout: "null", stderr: "null" }).output();
      await write("same", "{}");
      await write("changed", "{}");
      assertEquals(await committedNotebooks(folder), []);
      await git("init");
      await git("add", ".");
      await git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-m", "two");
      await write("changed", "{ }");
      await write("new", "{}");
      assertEquals(await committedNotebooks(folder), ["same.ipynb"]);
    }),
});
