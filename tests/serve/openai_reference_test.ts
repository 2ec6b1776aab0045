/** OpenAI's client for Python, which knows nothing of this server. */

import { assertEquals } from "@std/assert";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { ownAdapters, withServing } from "./served.ts";

Deno.test({
  name: "OpenAI's client lists, asks, reads parts and raises its own errors",
  ignore: !await pythonHas("openai"),
  fn: () =>
    withServing({ token: "word" }, async ({ address, serving: { served } }) => {
      const prompt = "oak (plant):", adapter = "qv-r8-seed1";
      const args = [address, adapter, prompt];
      const { code, text } = await runPython("scripts/golden/check_openai.py", args);
      assertEquals(code, 0, text);
      const { refusals, ...understood } = JSON.parse(text), answer = " a small small s";
      assertEquals(understood, {
        models: [served.name, ...ownAdapters],
        ...{ text: answer, named: answer, parts: answer },
      });
      assertEquals(refusals.map(([name]: string[]) => name), [
        "NotFoundError",
        "BadRequestError",
        "AuthenticationError",
      ]);
    }),
});
