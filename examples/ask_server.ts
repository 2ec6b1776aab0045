/** Ask a running `lowrank serve` the same with each of its adapters at once, then one of them word by word. */

const [address = "http://127.0.0.1:8000", prompt = "oak (plant):"] = Deno.args;

/** Asks the server; its error is one sentence. */
async function ask(path: string, body?: object): Promise<Response> {
  const response = await fetch(`${address}/v1/${path}`, {
    method: body ? "POST" : "GET",
    headers: { "content-type": "application/json" }, // and "authorization" if it wants a token
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  return response;
}

const models = await ask("models").catch((error) => {
  console.log(`${address} does not answer (${error.message}): start a server first,`);
  console.log(
    "npx -y deno task lowrank serve --model models/tiny-gpt2 --adapters models/rank-study",
  );
  Deno.exit();
});

// One pass of the base computes all of these.
const { data }: { data: { id: string }[] } = await models.json();
await Promise.all(data.map(async ({ id }) => {
  const answer = await ask("completions", { model: id, prompt, max_tokens: 12 });
  console.log(`${id}:${(await answer.json()).choices[0].text}`);
}));

const adapter = data.at(-1)!.id === data[0].id ? null : data.at(-1)!.id;
const { body } = await ask("completions", { adapter, prompt, max_tokens: 12, stream: true });
let text = "";
for await (const part of body!.pipeThrough(new TextDecoderStream())) text += part;
const events = text.split("\n\n").filter((line) => line.startsWith("data: {"));
console.log(events.map((line) => JSON.parse(line.slice(6)).choices[0].text).join("|"));
