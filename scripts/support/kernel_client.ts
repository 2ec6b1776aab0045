/**
 * A client of Deno's Jupyter kernel, without Python: starts the kernel of this very deno, runs
 * cells, and collects what each one shows.
 *
 * The kernel sends outputs after the message that says that it is idle, so an execution ends only
 * when nothing has come for 100 ms after that. What comes later still goes to the cell that the
 * kernel names as its parent.
 *
 * @module
 */

import { deadline } from "./deadline.ts";
import { decode, encode, type Message, newHeader } from "./jupyter_messages.ts";
import { CellOutputs, type Output } from "./notebook_outputs.ts";
import { ZmtpSocket } from "./zmtp.ts";

/** Silence after idle that ends an execution, in milliseconds. */
const silenceMs = 100;
/** A kernel starts in half a second; a machine with much else to do takes longer. */
const startMs = 60_000;

const channels = ["shell", "iopub", "stdin", "control", "hb"] as const;
type Ports = Record<`${typeof channels[number]}_port`, number>;

/** Result of one request to run code; `outputs` grows when something comes late. */
export interface Execution {
  status: "ok" | "error" | "aborted";
  executionCount: number;
  outputs: readonly Output[];
  /** Number of outputs that came after the execution had ended. */
  late: number;
}

/** A request that is running or has run. */
class Request {
  readonly reply: PromiseWithResolvers<Message["content"]> = Promise.withResolvers();
  readonly idle: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly cell: CellOutputs;
  execution?: Execution;

  constructor(shown: Map<string, Output>, readonly onOutput: () => void = () => {}) {
    this.cell = new CellOutputs(shown);
  }
}

/** Folder and environment of the kernel. */
export interface KernelOptions {
  /** The folder of the notebook. */
  cwd: string;
  env?: Record<string, string>;
}

/** A running kernel; disposing of it ends the process. */
export class Kernel implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #files = new AsyncDisposableStack();
  readonly #key: string = crypto.randomUUID();
  readonly #session: string = crypto.randomUUID();
  readonly #requests = new Map<string, Request>();
  readonly #shown = new Map<string, Output>();
  #shell!: ZmtpSocket;
  #lastHeard = 0;
  readonly #ended: Promise<void>;
  #death?: Error;

  private constructor({ cwd, env }: KernelOptions, ports: Ports) {
    const connection = Deno.makeTempFileSync({ suffix: ".json" });
    this.#files.defer(() => Deno.remove(connection));
    Deno.writeTextFileSync(connection, JSON.stringify(this.#connection(ports)));
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["jupyter", "--kernel", "--conn", connection],
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#watch();
  }

  /** Starts a kernel and waits until it answers on both channels. */
  static async start(options: KernelOptions): Promise<Kernel> {
    const ports = freePorts(), kernel = new Kernel(options, ports);
    try {
      await deadline(kernel.#connect(ports), startMs, "the kernel to start");
      return kernel;
    } catch (error) {
      await kernel[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The process, for tests that look whether it lives. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Runs code as a cell; rejects after `timeoutMs` or when the kernel dies. `onOutput` is called
   * with each thing that it shows while it runs.
   */
  async execute(code: string, timeoutMs: number, onOutput?: () => void): Promise<Execution> {
    const content = { code, allow_stdin: false, silent: false, store_history: true };
    const request = await this.#send("execute_request", content, onOutput);
    const both = Promise.all([request.reply.promise, request.idle.promise]);
    const [{ status, execution_count }] = await deadline(both, timeoutMs, "the cell to end");
    await this.#silence();
    const { outputs } = request.cell;
    return request.execution = { status, executionCount: execution_count, outputs, late: 0 };
  }

  /** Interrupts the kernel, as Jupyter's Stop button does. */
  interrupt(): void {
    this.#process.kill("SIGINT");
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#death) this.#process.kill("SIGKILL");
    await this.#ended;
    await this.#files.disposeAsync();
  }

  /** Waits for the end of the process, which ends every request. */
  async #watch(): Promise<void> {
    const stderr = await new Response(this.#process.stderr).text();
    const { code, signal } = await this.#process.status;
    const last = stderr.trim().split("\n").at(-1);
    this.#death = new Error(`the kernel ended with ${signal ?? `code ${code}`}: ${last}`);
    for (const { reply, idle } of this.#requests.values()) {
      reply.reject(this.#death);
      reply.promise.catch(() => {}); // nobody waits for the answers of old requests
      idle.resolve();
    }
  }

  #connection(ports: Ports): Record<string, unknown> {
    return {
      ...ports,
      ip: "127.0.0.1",
      transport: "tcp",
      key: this.#key,
      signature_scheme: "hmac-sha256",
      kernel_name: "deno",
    };
  }

  async #connect({ shell_port, iopub_port }: Ports): Promise<void> {
    const open = async (type: "DEALER" | "SUB", port: number) => {
      const socket = await this.#untilItListens(type, port);
      const done = this.#listen(socket);
      this.#files.defer(() => (socket[Symbol.dispose](), done));
      return socket;
    };
    await open("SUB", iopub_port);
    this.#shell = await open("DEALER", shell_port);
    // A subscription takes effect some time after it is sent: ask until an answer comes on iopub.
    let heard = false;
    while (!heard) {
      const { reply, idle } = await this.#send("kernel_info_request", {});
      await reply.promise;
      heard = await deadline(idle.promise, 200, "iopub").then(() => true, () => false);
    }
  }

  async #untilItListens(type: "DEALER" | "SUB", port: number): Promise<ZmtpSocket> {
    while (true) {
      if (this.#death) throw this.#death;
      try {
        return await ZmtpSocket.connect(type, port);
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
        await wait(20);
      }
    }
  }

  async #send(
    type: string,
    content: Message["content"],
    onOutput?: () => void,
  ): Promise<Request> {
    if (this.#death) throw this.#death;
    const header = newHeader(type, this.#session), request = new Request(this.#shown, onOutput);
    this.#requests.set(header.msg_id, request);
    await this.#shell.send(encode({ header, parent: {}, content }, this.#key));
    return request;
  }

  async #listen(socket: ZmtpSocket): Promise<void> {
    for await (const frames of socket.messages()) this.#take(decode(frames, this.#key));
  }

  #take(message: Message): void {
    this.#lastHeard = performance.now();
    const request = this.#requests.get(message.parent.msg_id ?? "");
    const { header: { msg_type }, content } = message;
    if (!request) return;
    if (msg_type.endsWith("_reply")) request.reply.resolve(content);
    else if (msg_type === "status" && content.execution_state === "idle") request.idle.resolve();
    else if (request.cell.take(message)) {
      request.onOutput();
      if (request.execution) request.execution.late++;
    }
  }

  async #silence(): Promise<void> {
    const from = performance.now();
    while (true) {
      const left = Math.max(from, this.#lastHeard) + silenceMs - performance.now();
      if (left <= 0) return;
      await wait(left);
    }
  }
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ports that were free a moment ago. */
function freePorts(): Ports {
  const listeners = channels.map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return Object.fromEntries(channels.map((name, i) => [`${name}_port`, ports[i]])) as Ports;
}
