/** Ask a running `lowrank serve` the same with each of its adapters at once, then one of them word by word. */

const [address = "http://127.0.0.1:8000", prompt = "oak (plant):", token] = Deno.args;
const headers = { ...(token && { authorization: `Bearer ${token}` }) };
/** Asks the server; its error is one sentence. */
async function ask(path: string, body?: object): Promise<Response> {
  const response = await fetch(`${address}/v1/${path}`, {
    method: body ? "POST" : "GET",
    headers: { ...headers, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (response.ok) return response;
  throw new Error((await response.json()).error.message);
}

const models = await ask("models").catch((error) => {
  const isSilent = error instanceof TypeError; // as fetch says it
  console.error(`${address} ${isSilent ? "does not answer" : "refuses"}: ${error.message}`);
  if (isSilent) console.error("start one: npx -y deno task lowrank serve --model MODEL");
  Deno.exit(1);
});
// One pass of the base computes all of these.
const { data }: { data: { id: string }[] } = await models.json();
await Promise.all(data.map(async ({ id }) => {
  const answer = await ask("completions", { model: id, prompt, max_tokens: 12 });
  console.log(`${id}:${(await answer.json()).choices[0].text}`);
}));

const adapter = data.at(-1)!.id === data[0].id ? null : data.at(-1)!.id;
const { body } = await ask("completions", { adapter, prompt, max_tokens: 12, stream: true });
let rest = "";
for await (const part of body!.pipeThrough(new TextDecoderStream())) {
  const events = (rest + part).split("\n\n");
  rest = events.pop()!; // an event that has not ended
  for (const event of events.filter((line) => line.startsWith("data: {"))) {
    const { text } = JSON.parse(event.slice(6)).choices[0];
    await Deno.stdout.write(new TextEncoder().encode(`${text}|`));
  }
}
console.log();
