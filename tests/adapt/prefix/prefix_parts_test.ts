import { testOn, webgpu } from "../../support/devices.ts";
import { checks } from "./checks.ts";
import { goldenChecks } from "./golden_checks.ts";

// Every operation that virtual tokens change is in these; the other families share them.
const few = /gpt2_tiny|gpt2_prefix|wide|bert_class|bert_prompt|LoRA/;

await testOn([webgpu], [...checks, ...goldenChecks].filter(({ name }) => few.test(name)));
