import { testOn, webgpu } from "../support/devices.ts";
import { checks } from "./checks.ts";
import { embeddingChecks } from "./embedding_checks.ts";
import { goldenChecks } from "./golden_checks.ts";
import { stateDictChecks } from "./state_dict_checks.ts";
import { variantChecks } from "./variant_checks.ts";

// The rest of PEFT's cases are files, which are the same on every device.
const gradients = stateDictChecks.filter(({ name }) => name.startsWith("gradients of"));

await testOn([webgpu], [
  ...[...checks, ...goldenChecks, ...variantChecks],
  ...[...embeddingChecks, ...gradients],
]);
