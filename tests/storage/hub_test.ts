import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { disk } from "../../src/storage/disk.ts";
import { listFolder, makeFolder, readBytes, readText } from "../../src/storage/files.ts";
import { download, watchPulls } from "../../src/storage/hub_cache.ts";
import { hubSettings, listRepository, redirected } from "../../src/storage/hub_client.ts";
import { parseHubName } from "../../src/storage/hub_name.ts";
import { hasFile, kindOf } from "../../src/storage/storage.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import {
  type Answer,
  commit,
  digestOf,
  type HubServer,
  part,
  refused,
  type Repository,
  withHub,
} from "../support/hub_server.ts";
import { withVariables } from "../support/variables.ts";

/** The Hugging Face hub: what its servers may do, and what its cache holds afterwards. */

const text = (content: string) => new TextEncoder().encode(content);

/** Bytes that differ from place to place, so that a piece in a wrong place is found. */
const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) % 251);

const repository: Repository = {
  "config.json": text("{}"),
  "model.safetensors": weights,
  "checkpoint-5/notes.txt": text("five"),
  "empty.txt": text(""),
};

const model = "hf:owner/name/model.safetensors", blob = digestOf("model.safetensors", weights);

const withOne = (use: (hub: HubServer) => Promise<void>, answer?: Answer) =>
  withHub({ "owner/name": repository }, use, answer);

/** Files of the repository in the cache: the names of complete and of partial contents. */
const blobsIn = ({ cache }: HubServer) => filesIn(`${cache}/models--owner--name/blobs`);

/** Reads a file of the hub, which must fail with one sentence that has these parts. */
async function assertRefused(path: string, ...parts: string[]): Promise<void> {
  const { message } = await assertRejects(() => readBytes(path), Error);
  for (const wanted of [`cannot read ${path}: `, ...parts]) assertStringIncludes(message, wanted);
  assertEquals(/\n|\.$|secret/.test(message), false, message);
}

/** An answer for the content of the large file alone. */
const forWeights = (answer: (request: Request, count: number) => Response | undefined): Answer => {
  let count = 0;
  return (request, where) => where === "files" ? answer(request, ++count) : undefined;
};

/** A part of the weights, after which the connection ends. */
function broken(request: Request, length: number): Response {
  const rest = part(request, weights), { status, headers } = rest;
  const from = Number(/\d+/.exec(request.headers.get("range") ?? "0")![0]);
  headers.set("content-length", String(weights.length - from));
  const body = new Blob([weights.slice(from, from + length)]).stream();
  return new Response(body, { status, headers });
}

Deno.test("a file of the hub is read as one on the disk, and is where Hugging Face's tools look", () =>
  withOne(async (hub) => {
    assertEquals(await readBytes(model), weights);
    assertEquals(await readText("hf:owner/name/checkpoint-5/notes.txt"), "five");
    assertEquals(await readText("hf:owner/name/empty.txt"), "");
    const folder = `${hub.cache}/models--owner--name`, snapshot = `${folder}/snapshots/${commit}`;
    assertEquals(await Deno.readTextFile(`${folder}/refs/main`), commit);
    assertEquals(await Deno.readLink(`${snapshot}/model.safetensors`), `../../blobs/${blob}`);
    assertEquals(await Deno.readFile(`${folder}/blobs/${blob}`), weights);
    assertEquals(await Deno.readTextFile(`${snapshot}/checkpoint-5/notes.txt`), "five");
  }));

Deno.test("only what is opened is downloaded, and only once", () =>
  withOne(async (hub) => {
    assertEquals(await kindOf("hf:owner/name"), "folder");
    assertEquals(await kindOf("hf:owner/name/checkpoint-5/"), "folder");
    assertEquals(await hasFile("hf:owner/name", "adapter_config.json"), false);
    assertEquals(
      await listFolder("hf:owner/name@v1"),
      Object.keys(repository).map((path) => path.split("/")[0]),
    );
    for (let i = 0; i < 2; i++) await readText("hf:owner/name/config.json");
    const contents = hub.got.filter(({ what }) => what.includes("/resolve/"));
    assertEquals(contents.length, 1);
    assertEquals(blobsIn(hub), [digestOf("config.json", repository["config.json"])]);
  }));

Deno.test("two readers at once download a file once", () =>
  withOne(async (hub) => {
    const [one, other] = await Promise.all([readBytes(model), readBytes(model)]);
    assertEquals([one, other], [weights, weights]);
    assertEquals(hub.got.filter(({ what }) => what.startsWith("files")).length, 1);
  }));

Deno.test("a token goes to the hub and not to the servers that it sends a request to", () =>
  withOne(async (hub) => {
    await readBytes(model);
    const seen = new Set(hub.got.map(({ what, token }) => `${what.split(" ")[0]}: ${token}`));
    assertEquals([...seen], ["hub: Bearer secret", "files: null"]);
  }));

Deno.test("a download whose connection breaks is taken up where it stopped", async () => {
  const answer = forWeights((request, count) => count <= 2 ? broken(request, 100_000) : undefined);
  await withOne(async (hub) => {
    const seen: number[] = [];
    using _ = watchPulls(({ bytes }) => void seen.push(bytes));
    assertEquals(await readBytes(model), weights);
    const ranges = hub.got.filter(({ what }) => what.startsWith("files")).map(({ range }) => range);
    assertEquals(ranges, [null, "bytes=100000-", "bytes=200000-"]);
    assertEquals(seen.at(-1), weights.length);
    assertEquals(seen, seen.toSorted((a, b) => a - b));
  }, answer);
});

Deno.test("a server that keeps stopping is given up, and the next call continues there", async () => {
  let isBad = true;
  const answer = forWeights((request) => isBad ? broken(request, 10_000) : undefined);
  await withOne(async (hub) => {
    await assertRefused(model, "the server stopped after 60000 of 300000 bytes");
    assertEquals(blobsIn(hub), [`${blob}.incomplete`]);
    isBad = false;
    assertEquals(await readBytes(model), weights);
    assertEquals(hub.got.at(-1)!.range, "bytes=60000-");
    assertEquals(blobsIn(hub), [blob]);
  }, answer);
});

/** Downloads the weights with another limit of time than the usual one. */
async function downloadWithin(answerMs: number, { home }: HubServer): Promise<void> {
  const name = parseHubName(model), settings = { ...hubSettings(), answerMs };
  const file = {
    path: name.path,
    bytes: weights.length,
    digest: blob,
    algorithm: "sha256",
  } as const;
  await download({ settings, name, commit, file, blob: `${home}/${blob}` });
  assertEquals(await Deno.readFile(`${home}/${blob}`), weights);
}

Deno.test("a server that falls silent counts as one that stops", async () => {
  const answer = forWeights((_, count) => count === 1 ? silent() : undefined);
  await withOne(async (hub) => {
    await downloadWithin(100, hub);
    assertEquals(hub.got.at(-1)!.range, "bytes=5000-");
  }, answer);
});

/** The first bytes, and then nothing. */
function silent(): Response {
  const body = new ReadableStream({ start: (sender) => sender.enqueue(weights.slice(0, 5000)) });
  return new Response(body, { headers: { "content-length": String(weights.length) } });
}

Deno.test("a server that sends a byte now and then is given up, and the next call continues there", async () => {
  let pieceBytes = 1;
  const answer = forWeights((request) => dripping(request, pieceBytes));
  await withOne(async (hub) => {
    const start = performance.now();
    const error = await assertRejects(() => downloadWithin(150, hub), Error);
    assertStringIncludes(error.message, "of 300000 bytes (less than 32768 bytes came in 0.15 s)");
    assert(performance.now() - start < 5000);
    const asked = hub.got.length;
    pieceBytes = 10_000; // Slow, but more than the least.
    await downloadWithin(5000, hub);
    assertEquals(hub.got.length, asked + 2); // The hub itself, and the server that it names.
  }, answer);
});

/** The weights in small pieces, each after a while. */
function dripping(request: Request, pieceBytes: number): Response {
  const { status, headers } = part(request, weights);
  let at = Number(/\d+/.exec(request.headers.get("range") ?? "0")![0]);
  const body = new ReadableStream({
    async pull(sender) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      sender.enqueue(weights.slice(at, at += pieceBytes));
      if (at >= weights.length) sender.close();
    },
  });
  return new Response(body, { status, headers });
}

Deno.test("a server that ignores ranges sends the file from its start, which replaces what was there", async () => {
  const answer = forWeights((request, count) =>
    count === 1 ? broken(request, 100_000) : new Response(weights)
  );
  await withOne(async () => assertEquals(await readBytes(model), weights), answer);
});

/** Servers that do not send the file: none of what they send is used, or kept. */
const liars: Readonly<Record<string, [answer: (request: Request) => Response, sentence: string]>> =
  {
    "a shorter file": [
      () => new Response(weights.slice(0, 1000)),
      "the server must send the 300000 bytes of the file, sent 1000 bytes",
    ],
    "a longer file": [
      () => new Response(new Blob([weights, weights]).stream()),
      "the server must send 300000 bytes, sent more",
    ],
    "other bytes": [
      () => new Response(weights.toReversed()),
      `whose sha256 is ${blob}, sent one with`,
    ],
    "a page about a proxy": [
      () => new Response("<html>log in</html>"),
      "the server must send the 300000 bytes of the file, sent 19 bytes",
    ],
    "a part that nobody asked for": [
      () =>
        new Response(weights.slice(5), { status: 206, headers: { "content-range": "bytes 5-" } }),
      'sent the range "bytes 5-"',
    ],
  };

for (const [what, [answer, sentence]] of Object.entries(liars)) {
  Deno.test(`a server that sends ${what} is refused, and nothing stays`, () =>
    withOne(async (hub) => {
      await assertRefused(model, sentence);
      assertEquals(blobsIn(hub), []);
      assertEquals(await kindOf(`${hub.cache}/models--owner--name/snapshots`), undefined);
    }, forWeights(answer)));
}

Deno.test("what a changed file left behind is found out by the digest, and the next call begins again", () =>
  withOne(async (hub) => {
    const blobs = `${hub.cache}/models--owner--name/blobs`;
    await Deno.mkdir(blobs, { recursive: true });
    await Deno.writeFile(`${blobs}/${blob}.incomplete`, new Uint8Array(1000));
    await assertRefused(model, "it was removed");
    assertEquals(await readBytes(model), weights);
  }));

Deno.test("a file in the cache that was cut is downloaded again", () =>
  withOne(async (hub) => {
    await readBytes(model);
    const folder = `${hub.cache}/models--owner--name`;
    await Deno.truncate(`${folder}/blobs/${blob}`, 1000);
    assertEquals(await readBytes(model), weights);
  }));

Deno.test("offline, and where the hub is down, what the cache has is used and nothing else", async () => {
  let isDown = false;
  await withOne(async (hub) => {
    await readText("hf:owner/name/config.json");
    isDown = true;
    const asked = hub.got.length;
    await withVariables({ HF_HUB_OFFLINE: "1" }, async () => {
      assertEquals(await readText("hf:owner/name/config.json"), "{}");
      assertEquals(await readText(`hf:owner/name@${commit}/config.json`), "{}");
      assertEquals(await hasFile("hf:owner/name", "model.safetensors"), false);
      assertEquals(await kindOf("hf:owner/name"), "folder");
      assertEquals(await listFolder("hf:owner/name"), ["config.json"]);
      await assertRefused(model, "it does not exist in the cache, and HF_HUB_OFFLINE is set");
      await assertRefused("hf:owner/other/a", "owner/other at main is not in the cache, and HF_");
      assertEquals(hub.got.length, asked);
    });
    // Another token, so that the hub is asked again.
    await withVariables({ HF_TOKEN: "other" }, async () => {
      assertEquals(await readText("hf:owner/name/config.json"), "{}");
      await assertRefused(model, "it does not exist in the cache, and ", "is not available (503)");
    });
    assert(hub.got.length > asked);
  }, () => isDown ? new Response(null, { status: 503 }) : undefined);
});

Deno.test("where no hub answers at all the sentence says so", () =>
  withHub({}, () =>
    withVariables(
      { HF_ENDPOINT: `http://127.0.0.1:${closedPort()}` },
      () => assertRefused("hf:owner/name/a", "cannot be reached: the server does not accept"),
    )));

/** A port that nothing listens on. */
function closedPort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}

Deno.test("what the hub refuses is said in one sentence, with what to do", async () => {
  const codes: Record<string, [number, string]> = {
    "/api/models/gated/one/": [403, "GatedRepo"],
    "/owner/name/resolve/": [403, "GatedRepo"],
    "/api/models/too/busy/": [429, ""],
  };
  const answer: Answer = (request) => {
    const { pathname } = new URL(request.url);
    const found = Object.entries(codes).find(([path]) => pathname.startsWith(path));
    return found && refused(...found[1]);
  };
  await withOne(async ({ endpoint }) => {
    const { host } = new URL(endpoint),
      gated = (name: string) => `${name} is gated: accept its terms on ${endpoint}/${name}`;
    await assertRefused(
      "hf:no/thing/a",
      `${host} has no repository no/thing, or hides it: HF_TOKEN`,
    );
    await assertRefused("hf:owner/name@v9/a", "owner/name has no revision v9");
    await assertRefused("hf:owner/name/a", "it does not exist");
    await assertRefused("hf:owner/name/checkpoint-5", "it is a folder");
    await assertRefused("hf:gated/one/a", `${gated("gated/one")}; HF_TOKEN has no access to it`);
    await assertRefused(model, gated("owner/name"));
    await assertRefused("hf:too/busy/a", "is not available (429); try again later");
    await withVariables({ HF_TOKEN: "" }, async () => {
      await assertRefused("hf:no/thing/a", "or hides it: set HF_TOKEN if it is private");
      await assertRefused("hf:gated/one/a", `${gated("gated/one")} and set HF_TOKEN`);
    });
  }, answer);
});

Deno.test("nothing is written to the hub", async () => {
  await assertRejects(
    () => makeFolder("hf:owner/name/out"),
    Error,
    "cannot write hf:owner/name/out: what is on the hub can only be read",
  );
});

Deno.test("a token that cannot be sent is not shown", () =>
  withOne(() =>
    withVariables(
      { HF_TOKEN: "secret\u{1f600}" },
      () => assertRefused(model, "HF_TOKEN must be plain ASCII"),
    )
  ));

Deno.test("a redirect of the hub that leads nowhere or in a circle ends", async () => {
  const to = (place: string): Answer => (request, where) =>
    where === "hub" && request.url.includes("/resolve/")
      ? new Response(null, { status: 302, headers: { location: place } })
      : undefined;
  const sentences = {
    "/owner/name/resolve/again": "sends the request elsewhere more than 5 times",
    "file:///etc/hostname": "must send the request to another http:// address",
    "ftp://127.0.0.1/a": "must send the request to another http:// address",
  };
  for (const [place, sentence] of Object.entries(sentences)) {
    await withOne(() => assertRefused(model, sentence), to(place));
  }
});

Deno.test("what is encrypted is not sent on unencrypted", () => {
  const from = new URL("https://hub.test/a/b");
  assertEquals(redirected(from, "/c").href, "https://hub.test/c");
  assertEquals(redirected(from, "https://files.test/c").href, "https://files.test/c");
  assertThrows(() => redirected(from, "http://files.test/c"), Error, "another https:// address");
});

Deno.test("a name is an owner's repository, at a revision, and what is in it", () => {
  const main = { repository: "me/a.b-c_1", revision: "main", path: "" };
  assertEquals(parseHubName("hf:me/a.b-c_1"), main);
  assertEquals(parseHubName("hf:me/a.b-c_1/"), main);
  assertEquals(parseHubName("hf:me/a.b-c_1@v1.0/sub/a.json"), {
    ...main,
    revision: "v1.0",
    path: "sub/a.json",
  });
  assertEquals(parseHubName("hf:me/a.b-c_1@refs%2Fpr%2F1").revision, "refs/pr/1");
  const wrong = [
    "",
    "gpt2",
    "a/",
    "../a",
    "a/..",
    "a/b/../c",
    "a/b@",
    "a/b@..%2Fx",
    "a/b\\c",
    "a/b--c",
  ];
  for (const name of [...wrong, "a b/c", "a/b/c//d", "a/b@v%00", "-a/b"]) {
    assertThrows(() => parseHubName(`hf:${name}`), RangeError, "must be hf:OWNER/NAME");
  }
});

Deno.test("the variables of Hugging Face's tools say where the hub and the cache are", async () => {
  const none = { HF_ENDPOINT: "", HF_TOKEN: "", HF_HUB_CACHE: "", HF_HOME: "", XDG_CACHE_HOME: "" };
  const caches: readonly [variables: Record<string, string>, cache: string][] = [
    [{}, "/home/me/.cache/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, "/h/hub"],
    [{ HF_HOME: "~/h" }, "/home/me/h/hub"],
    [{ HF_HOME: "/h", HF_HUB_CACHE: "/c" }, "/c"],
  ];
  for (const [variables, cache] of caches) {
    await withVariables({ ...none, HOME: "/home/me", ...variables }, () => {
      assertEquals(hubSettings().cache, cache);
    });
  }
  await withVariables({ ...none, HF_HOME: "/h" }, () => {
    const { endpoint, token, isOffline } = hubSettings();
    assertEquals([endpoint, token, isOffline], ["https://huggingface.co", undefined, false]);
  });
  const set = { ...none, HF_ENDPOINT: "https://hub.test/", HF_TOKEN: " t ", HF_HUB_OFFLINE: "YES" };
  await withVariables(set, () => {
    const { endpoint, token, isOffline } = hubSettings();
    assertEquals([endpoint, token, isOffline], ["https://hub.test", "t", true]);
  });
  await withVariables({ HF_ENDPOINT: "hub.test" }, () => {
    assertThrows(hubSettings, RangeError, "HF_ENDPOINT must begin with https:// or http://, found");
  });
});

/** Lists of files that the hub must not send; paths and digests become paths in the cache. */
const lists: readonly [list: unknown, sentence: string][] = [
  [[{ path: "../../../evil" }], 'must list files inside of the repository, sent "../../../evil"'],
  [[{ path: "/etc/passwd" }], "inside of the repository"],
  [[{ path: "a\\..\\..\\b" }], "inside of the repository"],
  [[{ path: "a//b" }], "inside of the repository"],
  [[{ path: 5 }], "inside of the repository, sent 5"],
  [[{ path: "a", oid: "../../x" }], 'must state size and digest of "a", sent 3, "../../x"'],
  [[{ path: "a", size: -1 }], "must state size and digest"],
  [[{ path: "a", lfs: { oid: "0".repeat(40), size: 3 } }], "must state size and digest"],
  [{ error: "no list" }, "the hub's answer cannot be used"],
  [null, "the hub's answer cannot be used"],
  [[null], "it does not exist"],
  [[{ path: "a" }, { path: "a" }], 'must list each path once, sent "a" again'],
  [[{ path: "a".repeat(5000) }], "inside of the repository"],
];

Deno.test("a list of files that leads out of the cache, or is none, is refused", async () => {
  for (const [list, sentence] of lists) {
    const full = Array.isArray(list)
      ? list.map((entry) => entry && { type: "file", size: 3, oid: "0".repeat(40), ...entry })
      : list;
    await withOne(
      async (hub) => {
        await assertRefused(model, sentence);
        assertEquals(await Array.fromAsync(Deno.readDir(hub.home)), []);
      },
      (request) => request.url.includes("/tree/") ? Response.json(full) : undefined,
    );
  }
});

/** Lists without an end: what each page has, the name of the next one, and what is said of them. */
const endless: Readonly<Record<string, [page: object[], next: (i: number) => string, string]>> = {
  "the same files on each page": [
    [{ type: "directory", path: "a" }],
    String,
    'must list each path once, sent "a" again',
  ],
  "nothing on each page": [[], String, "must list at most 1000 pages, sent more"],
  "one page again and again": [[], () => "x", "must list each page once, sent"],
};

/** A hub whose pages each lead to another one. */
const endlessly = (page: (i: number) => object[], next: (i: number) => string): Answer => {
  let count = 0;
  return ({ url }) => {
    const link = `<${url.split("?")[0]}?x=${next(++count)}>; rel="next"`;
    return url.includes("/tree/") ? Response.json(page(count), { headers: { link } }) : undefined;
  };
};

for (const [what, [page, next, sentence]] of Object.entries(endless)) {
  Deno.test(`a list of files that never ends is left: ${what}`, () =>
    withOne(async ({ got }) => {
      await assertRefused("hf:owner/name/config.json", sentence);
      assert(got.length <= 1002, `${got.length} requests`);
    }, endlessly(() => page, next)));
}

Deno.test("a list of files that never ends is left when its time is over", () =>
  withOne(async () => {
    const settings = { ...hubSettings(), listMs: 50 };
    await assertRejects(
      () => listRepository(settings, parseHubName(model)),
      RangeError,
      "the hub must list the files within 0.05 s",
    );
  }, endlessly((i) => [{ type: "directory", path: `${i}` }], String)));

Deno.test("a commit that is no commit is refused", () =>
  withOne(
    () => assertRefused(model, "must name a commit by 40 hexadecimal digits, sent "),
    (request) => request.url.includes("/revision/") ? Response.json({ sha: "../up" }) : undefined,
  ));

/** Folders of the user's that links lead to: nothing may change in them. */
async function withVictims(
  hub: HubServer,
  use: (victims: string, folder: string) => Promise<void>,
): Promise<void> {
  const victims = `${hub.home}/victims`, folder = `${hub.cache}/models--owner--name`;
  await Deno.mkdir(victims);
  await Deno.writeTextFile(`${victims}/file`, "own");
  await use(victims, folder);
  assertEquals(filesIn(victims), ["file"]);
  assertEquals(await Deno.readTextFile(`${victims}/file`), "own");
}

const ignore = Deno.build.os === "windows"; // Only administrators make links there.

for (const [target, found] of [["file", "a file"], ["new", "nothing"]]) {
  Deno.test({
    name: `a link to ${found} in the place of an unfinished download is replaced`,
    ignore,
    fn: () =>
      withOne((hub) =>
        withVictims(hub, async (victims, folder) => {
          await Deno.mkdir(`${folder}/blobs`, { recursive: true });
          await Deno.symlink(`${victims}/${target}`, `${folder}/blobs/${blob}.incomplete`);
          assertEquals(await readBytes(model), weights);
          assertEquals(Deno.lstatSync(`${folder}/blobs/${blob}`).isFile, true);
        })
      ),
  });
}

Deno.test({
  name: "a link that comes into the place of an unfinished download is not written through",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/victim`, "own");
      await Deno.symlink("victim", `${folder}/file`);
      await assertRejects(() => disk.extend(`${folder}/file`, 2), Error, "it has become a link");
      assertEquals(await Deno.readTextFile(`${folder}/victim`), "own");
    }),
});

for (const place of [`snapshots/${commit}`, "snapshots", "blobs", "refs"]) {
  Deno.test({
    name: `a link in the place of the cache's folder ${place} is refused`,
    ignore,
    fn: () =>
      withOne((hub) =>
        withVictims(hub, async (victims, folder) => {
          const path = `${folder}/${place}`;
          await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
          await Deno.symlink(victims, path);
          await assertRefused(model, `a folder in the cache must be no link, found one: ${path}`);
        })
      ),
  });
}

Deno.test({
  name: "a file of the cache is not read through a link to another folder",
  ignore,
  fn: () =>
    withOne((hub) =>
      withVictims(hub, async (victims, folder) => {
        const snapshot = `${folder}/snapshots/${commit}`;
        await Deno.mkdir(snapshot, { recursive: true });
        await Deno.symlink(`${victims}/file`, `${snapshot}/config.json`);
        await withVariables({ HF_HUB_OFFLINE: "1" }, () =>
          assertRefused(
            `hf:owner/name@${commit}/config.json`,
            "a link must lead to a file in its own",
          ));
      })
    ),
});
