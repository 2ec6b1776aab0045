/**
 * Jupyter's messages as frames, signed: https://jupyter-client.readthedocs.io/en/stable/messaging.html
 *
 * @module
 */

import { createHmac, randomUUID } from "node:crypto";

const delimiter = "<IDS|MSG>";
const encoder = new TextEncoder(), decoder = new TextDecoder();

/** Sender, type and id of a message; the parent of a message is the request that it answers. */
export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

/** One message; `content` depends on the type. */
export interface Message {
  header: Header;
  parent: Partial<Header>;
  // deno-lint-ignore no-explicit-any
  content: any;
}

/** The header of a new request. */
export function newHeader(msg_type: string, session: string): Header {
  const date = new Date().toISOString();
  return { msg_id: randomUUID(), msg_type, session, username: "lowrank", date, version: "5.3" };
}

const signature = (key: string, parts: readonly string[]): string =>
  parts.reduce((hmac, part) => hmac.update(part), createHmac("sha256", key)).digest("hex");

/** The frames of a message. */
export function encode({ header, parent, content }: Message, key: string): Uint8Array[] {
  const parts = [header, parent, {}, content].map((part) => JSON.stringify(part));
  return [delimiter, signature(key, parts), ...parts].map((part) => encoder.encode(part));
}

/** Reads the frames of a message; throws where the signature is wrong. */
export function decode(frames: readonly Uint8Array[], key: string): Message {
  const texts = frames.map((frame) => decoder.decode(frame));
  const [signed, ...parts] = texts.slice(texts.indexOf(delimiter) + 1).slice(0, 5);
  if (signed !== signature(key, parts)) throw new Error("a message with a wrong signature");
  const [header, parent, , content] = parts.map((part) => JSON.parse(part));
  return { header, parent, content };
}
