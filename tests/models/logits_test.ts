import { assertAllClose } from "../support/all_close.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { readCases } from "../../src/cli/cases.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";

const golden = new URL("../golden/", import.meta.url).pathname;
for (const folder of ["gpt2_tiny", "gpt2_tiny_bare"]) {
  Deno.test(`logits of ${folder} equal transformers' to 5e-5`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden + folder);
    const { tensors } = await readSafetensors(golden + "logits.safetensors");
    for (const [name, { tokens, ...options }] of await readCases(golden + "logits.json")) {
      using tape = new Tape(device, { record: false });
      const [logits] = await device.read(model.forward(tape, tokens, options));
      const mask = options.attentionMask;
      const expected = tensors.get(`logits.${name}`)!.data;
      const v = 61,
        keep = [...logits.data.keys()].filter((i) => !mask || mask.data[Math.floor(i / v)]);
      assertAllClose(keep.map((i) => logits.data[i]), keep.map((i) => expected[i]), {
        absolute: 5e-5,
        what: name,
      });
    }
  });
}
