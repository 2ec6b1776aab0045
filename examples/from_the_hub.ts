/** Take a model from the Hugging Face hub: it is downloaded once, and checked before it is used. */

import { complete, countTrainable, loadModel, loadTokenizer, openDevice } from "@lowrank/core";

// OWNER/NAME, with @REVISION where it has to stay the same: a branch, a tag or a commit.
const [name = "hf:openai-community/gpt2", prompt = "We the people"] = Deno.args;

using device = await openDevice();
using model = await loadModel(device, name);
console.log(`${model.description}, ${countTrainable(model).toLocaleString("en-US")} parameters`);

if (model.isCausal) {
  const tokenizer = await loadTokenizer(name);
  console.log(prompt + await complete(model, tokenizer, prompt, { maxNewTokens: 16 }));
} else {
  console.log("it does not continue texts: it is an encoder or a classifier");
}
