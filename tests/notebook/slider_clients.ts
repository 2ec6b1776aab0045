/**
 * A program with a slow slider and clients that misbehave; it prints what they heard as JSON, and must
 * print nothing else.
 *
 * @module
 */

import { serveAnswers } from "../../src/notebook/slider.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let drawn = 0;

const slowly = async (query: URLSearchParams) => {
  drawn++;
  await pause(300);
  return { at: query.get("at") };
};

const address = new URL(serveAnswers("slow", slowly)), port = Number(address.port);
const { pathname } = address;

/** Opens a connection and sends a text as it is. */
async function connect(text: string): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  return connection;
}

/** The status of the answer to a raw request. */
async function statusOf(text: string): Promise<number> {
  using connection = await connect(text);
  const head = new Uint8Array(100);
  await connection.read(head);
  return Number(new TextDecoder().decode(head).split(" ")[1]);
}

const hosts = ["a b", "::::", "[", "x:99999", "%00"];
const ofHosts = await Promise.all(
  hosts.map((host) => statusOf(`GET ${pathname}?at=1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`)),
);
const elsewhere = await statusOf(`GET ${pathname}?at=1 HTTP/1.1\r\nHost: attacker.example\r\n\r\n`);
const target = await statusOf("GET http://[::/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
const body = "Host: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello";
const post = await statusOf(`POST ${pathname}?at=1 HTTP/1.1\r\n${body}`);
const preflight = await statusOf(`OPTIONS ${pathname}?at=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
const unasked = drawn;

// One question is being drawn while nine wait; then all ten clients leave, and one asks.
const question = `GET ${pathname}?at=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
const leaving = await Promise.all(Array.from({ length: 10 }, () => connect(question)));
await pause(50);
for (const connection of leaving) connection.close();
await (await fetch(`${address}?at=2`)).json();
const abandoned = drawn - unasked - 1;

// A question that waits while its slider's cell is run again.
const busy = fetch(`${address}?at=3`);
await pause(50);
const waiting = fetch(`${address}?at=4`);
await pause(50);
serveAnswers("slow", slowly);
const [first, second] = await Promise.all([busy, waiting].map(async (one) => (await one).json()));

console.log(
  JSON.stringify({
    ofHosts,
    elsewhere,
    target,
    post,
    preflight,
    unasked,
    abandoned,
    first,
    second,
  }),
);
