import { testOnWebgpu } from "../../support/devices.ts";
import { checks } from "./checks.ts";
import { goldenChecks } from "./golden_checks.ts";

// Every kernel and every place that virtual tokens change is in these; the other families share them.
const few = /gpt2|wide|classifier$|roberta_class|convolution|bert_class|bert_prompt|LoRA/;

await testOnWebgpu([...checks, ...goldenChecks].filter(({ name }) => few.test(name)));
