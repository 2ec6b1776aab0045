/** Hostile clients, and their cost to the server and to a client that has the token. Linux only. @module */

import { lowrankArgs } from "../cli/lowrank.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

/** A server's address, and the header with its token. */
export interface Attacked {
  readonly port: number;
  readonly bearer: string;
}

/** Ends by itself, or with the signal. */
export type Attack = (attacked: Attacked, signal: AbortSignal) => Promise<void>;

/** The effect of an attack on the server's memory and on the client with the token. */
export interface Cost {
  readonly restBytes: number;
  readonly mostBytes: number;
  readonly answered: number;
  readonly shutOut: number;
  readonly longestMs: number;
}

/** The longest attack, and for how long connections are kept that nobody uses, in milliseconds. */
const mostMs = 60_000, keptMs = 10_000;

const utf8 = new TextEncoder();

/** 1.5 MB of chunks with a byte in each. */
const chunks = utf8.encode("1\r\nx\r\n".repeat(2 ** 18));

const head = (line: string, more: string) => utf8.encode(`${line}\r\nHost: localhost\r\n${more}`);

const asked = "GET /v1/models HTTP/1.1";

const connect = (port: number) => Deno.connect({ hostname: "127.0.0.1", port });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Clients that all send a body of chunks at once, until they have or are cut off. */
const sendChunks = (clients: number, hasToken: boolean): Attack => async (attacked, signal) => {
  const { port, bearer } = attacked, type = "Content-Type: application/json\r\n";
  const more = `${type}Transfer-Encoding: chunked\r\n${hasToken ? bearer : ""}\r\n`;
  const send = async () => {
    using connection = await connect(port);
    signal.addEventListener("abort", () => connection[Symbol.dispose](), { once: true });
    try {
      await connection.write(head("POST /v1/completions HTTP/1.1", more));
      for (let at = 0; at < chunks.length;) at += await connection.write(chunks.subarray(at));
      await connection.write(utf8.encode("0\r\n\r\n"));
      while (await connection.read(new Uint8Array(2 ** 12)) !== null);
    } catch { // The server has closed it.
    }
  };
  await Promise.all(Array.from({ length: clients }, send));
};

/** Clients that come one after another, send some bytes, and stay. */
const stay = (clients: number, bytes: Uint8Array): Attack => async ({ port }, signal) => {
  const open: Deno.Conn[] = [];
  for (let i = 0; i < clients && !signal.aborted; i++) {
    open.push(await connect(port));
    await open[i].write(bytes).catch(() => {});
    await pause(1);
  }
  await pause(keptMs);
  for (const connection of open) connection.close();
};

/** Attacks of hostile clients, by what they send. */
export const attacks: Readonly<Record<string, Attack>> = {
  "40 bodies of chunks, with the token": sendChunks(40, true),
  "40 bodies of chunks, without": sendChunks(40, false),
  "360 refusals, kept alive": stay(360, head(asked, "\r\n")),
  "420 halves of a request": stay(420, utf8.encode("GET /v1/mod")),
};

/** True where a server answers a request with the token, on a connection of its own. */
async function isAnswered({ port, bearer }: Attacked): Promise<boolean> {
  try {
    using connection = await connect(port);
    await connection.write(head(asked, `${bearer}Connection: close\r\n\r\n`));
    const answer = new Uint8Array(2 ** 12), bytes = await connection.read(answer) ?? 0;
    return new TextDecoder().decode(answer.subarray(0, bytes)).startsWith("HTTP/1.1 200 ");
  } catch {
    return false;
  }
}

/** Asks every 50 ms until an attack is over. */
async function askDuring(
  attacked: Attacked,
  attack: Promise<void>,
): Promise<Pick<Cost, "answered" | "shutOut" | "longestMs">> {
  let isOver = false, answered = 0, shutOut = 0, longestMs = 0;
  const over = attack.finally(() => isOver = true);
  while (!isOver) {
    const started = performance.now();
    if (await isAnswered(attacked)) answered++;
    else shutOut++;
    longestMs = Math.max(longestMs, performance.now() - started);
    await pause(50);
  }
  await over;
  return { answered, shutOut, longestMs };
}

/** Bytes of a process in memory: `VmRSS`, or `VmHWM` for the most so far. */
async function bytesOf(pid: number, field: string): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)![1]);
}

/** The cost of an attack to a server of its own. */
export async function costOf(attack: Attack): Promise<Cost> {
  const token = await Deno.makeTempFile();
  await Deno.writeTextFile(token, "s3cret");
  const own = ["--model", "models/tiny-gpt2", "--token-file", token, "--port", "0"];
  const child = new Deno.Command(Deno.execPath(), {
    args: lowrankArgs("serve", ...own, "--quiet", "--json"),
    cwd: rootPath,
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { address } = JSON.parse((await lines.read()).value!), port = Number(new URL(address).port);
  const attacked = { port, bearer: "Authorization: Bearer s3cret\r\n" };
  const restBytes = await bytesOf(child.pid, "VmRSS");
  const cost = await askDuring(attacked, attack(attacked, AbortSignal.timeout(mostMs)));
  const mostBytes = await bytesOf(child.pid, "VmHWM");
  child.kill("SIGTERM");
  await Promise.all([child.status, lines.cancel(), Deno.remove(token)]);
  return { restBytes, mostBytes, ...cost };
}
