/** The server of the site gives the files of its folder, to this machine, and nothing else. */

import { assertEquals } from "@std/assert";
import { withFolder } from "../../scripts/support/folders.ts";
import { serveFolder } from "../../scripts/support/serve.ts";

/** The answer to a request that no client would write: `fetch` mends paths and hosts. */
async function answerTo(port: number, head: string): Promise<{ status: number; text: string }> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(`${head}\r\nConnection: close\r\n\r\n`));
  const text = await new Response(connection.readable).text();
  return { status: Number(text.split(" ")[1]), text };
}

const host = "Host: 127.0.0.1";

/** Requests and the status of each. */
const requests: Readonly<Record<string, number>> = {
  [`GET / HTTP/1.1\r\n${host}`]: 200,
  [`GET /in/a%20b.html?x HTTP/1.1\r\nHost: localhost:80`]: 200,
  [`HEAD / HTTP/1.1\r\n${host}`]: 200,
  [`GET /none HTTP/1.1\r\n${host}`]: 404,
  [`GET /in HTTP/1.1\r\n${host}`]: 404,
  [`GET /../secret HTTP/1.1\r\n${host}`]: 404,
  [`GET /..%2fsecret HTTP/1.1\r\n${host}`]: 404,
  [`GET /in/..%2f..%2fsecret HTTP/1.1\r\n${host}`]: 404,
  [`GET /%2e%2e%2fsecret HTTP/1.1\r\n${host}`]: 404,
  [`GET /..%2fsite_beside%2fsecret HTTP/1.1\r\n${host}`]: 404,
  [`GET /..%252fsecret HTTP/1.1\r\n${host}`]: 404,
  [`GET //etc/passwd HTTP/1.1\r\n${host}`]: 404,
  [`GET /link HTTP/1.1\r\n${host}`]: 404,
  [`GET /linked/secret HTTP/1.1\r\n${host}`]: 404,
  [`GET /% HTTP/1.1\r\n${host}`]: 400,
  [`GET /%ff HTTP/1.1\r\n${host}`]: 400,
  [`GET /%00 HTTP/1.1\r\n${host}`]: 400,
  "GET / HTTP/1.1\r\nHost: attacker.example": 403,
  "GET / HTTP/1.1\r\nHost: 127.0.0.1.attacker.example": 403,
  [`GET / HTTP/1.1\r\n${host}\r\nHost: attacker.example`]: 400,
  [`POST / HTTP/1.1\r\n${host}\r\nContent-Length: 0`]: 405,
  [`OPTIONS / HTTP/1.1\r\n${host}`]: 405,
};

Deno.test("a served folder gives its files to this machine, and nothing outside it", () =>
  withFolder(async (folder) => {
    const site = `${folder}/site`;
    await Deno.mkdir(`${site}/in`, { recursive: true });
    await Deno.mkdir(`${folder}/site_beside`);
    for (const path of ["site/index.html", "site/in/a b.html"]) {
      await Deno.writeTextFile(`${folder}/${path}`, "page");
    }
    for (const path of ["secret", "site_beside/secret"]) {
      await Deno.writeTextFile(`${folder}/${path}`, "secret");
    }
    await Deno.symlink(`${folder}/secret`, `${site}/link`);
    await Deno.symlink(folder, `${site}/linked`);
    await using server = serveFolder(site);
    const { port } = new URL(server.url);
    for (const [head, expected] of Object.entries(requests)) {
      const { status, text } = await answerTo(Number(port), head);
      assertEquals([status, text.includes("secret")], [expected, false], head);
    }
  }));
