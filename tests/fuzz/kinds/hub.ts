/** Answers of a hub and contents of its cache, as files of the input: no server runs. @module */

import fc from "npm:fast-check@4.10.2";
import { createHash } from "node:crypto";
import { download, RepositoryCache } from "../../../src/storage/hub_cache.ts";
import { HubUnreachable, listRepository } from "../../../src/storage/hub_client.ts";
import { isInside } from "../../../src/storage/hub_name.ts";
import { type Files, type Kind, onDisk, sound } from "../kind.ts";
import { byteEdits, jsonFiles } from "../mutations.ts";

const endpoint = "https://hub.test";
const settings = { endpoint, cache: "", isOffline: false, answerMs: 1000, listMs: 1000 };
const name = { repository: "me/mine", revision: "main", path: "" };
const commit = "c0ffee".padEnd(40, "0"), digest = "ab".repeat(32);
const utf8 = new TextEncoder();
const jsonOf = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

/** Runs something with a network that is a function. */
async function withNetwork<T>(
  answer: (address: string) => Response,
  use: () => Promise<T>,
): Promise<T> {
  const { fetch } = globalThis;
  globalThis.fetch = (input) =>
    Promise.resolve(answer(String(input instanceof Request ? input.url : input)));
  try {
    return await use();
  } finally {
    globalThis.fetch = fetch;
  }
}

const goodInfo = { _id: "1", id: "me/mine", sha: commit, lastModified: "2026-01-01T00:00:00Z" };
const goodTree = [
  { type: "file", path: "config.json", size: 2, oid: "0".repeat(40) },
  { type: "directory", path: "sub", size: 0, oid: "1".repeat(40) },
  {
    ...{ type: "file", path: "sub/model.safetensors", size: 9, oid: "2".repeat(40) },
    lfs: { oid: digest, size: 9, pointerSize: 130 },
  },
];

/** A revision and its list of files, one of them corrupted. */
export const hubAnswers: Kind = {
  name: "answers of a hub",
  inputs: fc.record({
    "info.json": jsonFiles(fc.constant(goodInfo), {
      values: [commit, "main", "../up"],
      keys: ["sha"],
    }),
    "tree.json": jsonFiles(fc.constant(goodTree), {
      values: ["../x", "/etc/passwd", "a\\b", "a//b", ".", "file", digest, -1, 2 ** 53, 1e18],
      keys: ["path", "size", "oid", "lfs", "type"],
    }),
  }),
  refusals: [Error, RangeError, SyntaxError, HubUnreachable],
  read: (files) =>
    withNetwork(
      (address) => {
        const isTree = new URL(address).pathname.includes("/tree/");
        return new Response(files[isTree ? "tree.json" : "info.json"]);
      },
      async () => {
        const { commit, files } = await listRepository(settings, name);
        sound(/^[0-9a-f]{40}$/.test(commit), `the commit ${commit}`);
        for (const [path, { bytes, digest }] of files) {
          sound(isInside(path), `the path ${path}`);
          sound(Number.isSafeInteger(bytes) && bytes >= 0, `${bytes} bytes of ${path}`);
          sound(/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(digest), `the digest ${digest}`);
        }
      },
    ),
};

const content = Uint8Array.from({ length: 64 }, (_, i) => i);
const file = {
  path: "model.safetensors",
  bytes: content.length,
  digest: createHash("sha256").update(content).digest("hex"),
  algorithm: "sha256",
} as const;

/** The file as it is. */
const honest: Sent = { status: 200, from: 0, header: {}, breaks: false };

/** One answer of a server of files: how it begins, and which bytes it sends. */
const anyAnswer = fc.record({
  status: fc.constantFrom(200, 200, 206, 206, 204, 302, 404, 416, 503),
  from: fc.constantFrom(0, 0, 10, 63, 64),
  header: fc.constantFrom<Record<string, string>>(
    {},
    { "content-length": "64" },
    { "content-length": "5" },
    { "content-range": "bytes 10-63/64" },
    { "content-range": "bytes 0-63/64" },
    { "content-range": "bytes 10-63/65" },
    { location: "https://files.test/x" },
    { location: "http://files.test/x" },
    { location: "file:///etc/passwd" },
  ),
  breaks: fc.boolean(),
});

const answers = fc.oneof(fc.constant(honest), anyAnswer);

/** Downloads of which a part may be there already, from servers that answer anything. */
export const hubDownloads: Kind = {
  name: "downloads from a hub",
  inputs: fc.tuple(
    fc.array(answers, { minLength: 1, maxLength: 3 }),
    fc.oneof(fc.constant(content), byteEdits().map((corrupt) => corrupt(content.slice()))),
    fc.oneof(
      fc.constant(new Uint8Array()),
      fc.constant(content.slice(0, 10)),
      byteEdits().map((corrupt) => corrupt(content.slice())),
    ),
  ).map(([sent, bytes, partial]): Files => ({
    "answers.json": utf8.encode(JSON.stringify(sent)),
    sent: bytes,
    partial,
  })),
  refusals: [Error, HubUnreachable],
  read: (files) =>
    onDisk({ "blob.incomplete": files.partial }, (folder) => {
      const plan = jsonOf(files["answers.json"]), blob = `${folder}/blob`;
      let count = 0;
      const answer = () => responseOf(plan[count++ % plan.length], files.sent);
      return withNetwork(answer, async () => {
        const what = { settings, name, commit, file, blob };
        const outcome = await download(what).then(() => undefined, (error) => error);
        const found = await Deno.readFile(blob).catch(() => undefined);
        sound(!found || isContent(found), "a file with other bytes under its digest");
        sound(!found === Boolean(outcome), "a download that ended without its file");
        if (outcome) throw outcome;
      });
    }),
};

const isContent = (bytes: Uint8Array): boolean =>
  bytes.length === content.length && bytes.every((byte, i) => byte === content[i]);

interface Sent {
  readonly status: number;
  readonly from: number;
  readonly header: Record<string, string>;
  readonly breaks: boolean;
}

function responseOf({ status, from, header, breaks }: Sent, bytes: Uint8Array): Response {
  if (status === 204) return new Response(null, { status, headers: header });
  const body = new ReadableStream({
    start(sender) {
      sender.enqueue(bytes.slice(from));
      if (breaks) sender.error(new TypeError("connection closed before message completed"));
      else sender.close();
    },
  });
  return new Response(body, { status, headers: header });
}

/** A cache's reference to a commit, and the commit's folder. */
export const hubCaches: Kind = {
  name: "caches of a hub",
  inputs: fc.tuple(
    fc.oneof(
      fc.constant(utf8.encode(commit)),
      fc.constant(utf8.encode(`${commit}\n`)),
      fc.constant(utf8.encode("../../../etc")),
      byteEdits().map((corrupt) => corrupt(utf8.encode(commit))),
    ),
    fc.constantFrom("main", "v1", commit, "refs/pr/1"),
    fc.nat(12),
  ).map(([ref, revision, size]): Files => ({
    ref,
    revision: utf8.encode(revision),
    "config.json": new Uint8Array(size),
  })),
  refusals: [RangeError],
  read: (files) =>
    onDisk({}, async (folder) => {
      const cache = new RepositoryCache(folder, name.repository);
      const place = `${folder}/models--me--mine`,
        revision = new TextDecoder().decode(files.revision);
      await Deno.mkdir(`${place}/snapshots/${commit}/sub`, { recursive: true });
      await Deno.mkdir(`${place}/refs/refs/pr`, { recursive: true });
      await Deno.writeFile(`${place}/refs/${revision}`, files.ref);
      for (const path of ["config.json", "sub/config.json"]) {
        await Deno.writeFile(`${place}/snapshots/${commit}/${path}`, files["config.json"]);
      }
      const found = await cache.commitOf(revision);
      if (found === undefined) throw new RangeError("the cache does not have the revision");
      sound(/^[0-9a-f]{40}$/.test(found), `the commit ${found}`);
      const paths = await cache.list(found);
      sound(found !== commit || paths.length === 2, `the files ${paths}`);
      const listed = {
        path: "config.json",
        bytes: 7,
        digest: "0".repeat(40),
        algorithm: "git-sha1",
      };
      const has = await cache.has(found, listed as Parameters<typeof cache.has>[1]);
      sound(
        has === (found === commit && files["config.json"].length === 7),
        "a file of another size",
      );
    }),
};
