/**
 * A JupyterLab server for tests: settings, trust and notebooks are its own, in a folder beside the
 * package's, so that `@lowrank/core` and `../models` are found as from `notebooks/`.
 *
 * @module
 */

import { labPython } from "../../scripts/lab_environment.ts";
import { deadline } from "../../scripts/support/deadline.ts";

const startMs = 120_000;

/** Asks nobody whether there are news, which would open a dialog. */
const quietSettings = { fetchNews: "false", checkForUpdates: false };

/** A running server; disposing of it ends it and its kernels. */
export class LabServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #home: string;
  readonly #token: string = crypto.randomUUID();
  #log: Promise<string>;
  #address = "";

  private constructor(folder: string) {
    this.#home = Deno.makeTempDirSync({ prefix: "lowrank_lab_" });
    writeSettings(this.#home);
    // Where the shell that started us ignores SIGINT, a child that inherits this would have kernels
    // that Stop does not reach; a process that listens passes the usual behavior on.
    const listener = () => {};
    Deno.addSignalListener("SIGINT", listener);
    this.#process = new Deno.Command(labPython, {
      args: ["-m", "jupyterlab", ...this.#arguments(folder)],
      env: this.#environment(),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    Deno.removeSignalListener("SIGINT", listener);
    this.#log = new Response(this.#process.stderr).text();
  }

  /** Starts a server of the notebooks in a folder. */
  static async start(folder: string): Promise<LabServer> {
    const server = new LabServer(folder);
    try {
      await deadline(server.#untilItListens(), startMs, "JupyterLab to start");
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw new Error(
        `${(error as Error).message}; its log ends\n${(await server.#log).slice(-2000)}`,
      );
    }
  }

  /** The address of a notebook in simple mode: one document fills the page. */
  notebookUrl(name: string): string {
    return `${this.#address}/doc/tree/${name}.ipynb?token=${this.#token}&reset`;
  }

  /** Ends all kernels, so that they need no memory. */
  async endKernels(): Promise<void> {
    const sessions: { id: string }[] = await (await this.#api("sessions")).json();
    for (const { id } of sessions) {
      await (await this.#api(`sessions/${id}`, "DELETE")).body?.cancel();
    }
  }

  /** Starts all kernels anew: what they held is gone. */
  async restartKernels(): Promise<void> {
    const kernels: { id: string }[] = await (await this.#api("kernels")).json();
    for (const { id } of kernels) {
      await (await this.#api(`kernels/${id}/restart`, "POST")).body?.cancel();
    }
  }

  /** Asks the server's own interface. */
  async #api(path: string, method = "GET"): Promise<Response> {
    const headers = { authorization: `token ${this.#token}` };
    return await fetch(`${this.#address}/api/${path}`, { method, headers });
  }

  /** Ends all kernels and the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#address) await (await this.#api("shutdown", "POST")).body?.cancel();
    else this.#process.kill("SIGTERM");
    await this.#process.status;
    await this.#log;
    await Deno.remove(this.#home, { recursive: true });
  }

  #arguments(folder: string): string[] {
    return [
      "--no-browser",
      "--allow-root",
      "--expose-app-in-browser",
      "--ServerApp.ip=127.0.0.1",
      "--ServerApp.port=0",
      `--ServerApp.root_dir=${folder}`,
      `--IdentityProvider.token=${this.#token}`,
    ];
  }

  #environment(): Record<string, string> {
    return {
      JUPYTER_CONFIG_DIR: `${this.#home}/config`,
      JUPYTER_DATA_DIR: `${this.#home}/data`,
      JUPYTER_RUNTIME_DIR: `${this.#home}/runtime`,
      NO_COLOR: "1",
    };
  }

  /** The server writes its address into its runtime folder. */
  async #untilItListens(): Promise<void> {
    while (!this.#address) {
      const ended = await Promise.race([this.#process.status, wait(50)]);
      if (ended) throw new Error(`JupyterLab ended with code ${ended.code}`);
      this.#address = await serverAddress(`${this.#home}/runtime`);
    }
    while (!(await this.#answers())) await wait(50);
  }

  async #answers(): Promise<boolean> {
    try {
      const response = await this.#api("status");
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}

/** The address that a server has written into its runtime folder; "" before that. */
export async function serverAddress(runtime: string): Promise<string> {
  try {
    for await (const { name } of Deno.readDir(runtime)) {
      if (!/^jpserver-\d+\.json$/.test(name)) continue;
      const { port } = JSON.parse(await Deno.readTextFile(`${runtime}/${name}`));
      if (port) return `http://127.0.0.1:${port}`;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof SyntaxError)) throw error;
  }
  return "";
}

function writeSettings(home: string): void {
  const folder = `${home}/config/lab/user-settings/@jupyterlab/apputils-extension`;
  Deno.mkdirSync(folder, { recursive: true });
  const file = `${folder}/notification.jupyterlab-settings`;
  Deno.writeTextFileSync(file, JSON.stringify(quietSettings));
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
