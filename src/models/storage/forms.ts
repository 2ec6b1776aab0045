/** The table of storage forms: whatever loads, sizes or describes a model's matrices iterates over it. @module */

import { floatDtypes, isHalf } from "../../core/float_types.ts";
import { fourBitCodes } from "../../quant/quantized_tensor.ts";
import { fourBitForm } from "./four_bit.ts";
import type { PackedForm, StorageForm, StoredForm } from "./form.ts";
import { halfForm } from "./half.ts";

/** All forms, in the order in which messages name them. */
export const storageForms: readonly StorageForm[] = [
  ...floatDtypes.filter(isHalf).map(halfForm),
  ...fourBitCodes.map(fourBitForm),
];

/** The forms by which a weight is several tensors of a file. */
export const packedForms: ReadonlySet<PackedForm> = new Set(
  storageForms.flatMap(({ packed }) => packed ?? []),
);

/** The form of a matrix. */
export const storageFormOf = (stored: StoredForm): StorageForm =>
  storageForms.find((form) => form.recognize(stored))!;

/** The form, and the name of the weight that a tensor of a file belongs to; undefined for a tensor that is one itself. */
export function ownerIn(
  key: string,
): { readonly form: PackedForm; readonly name: string } | undefined {
  for (const form of packedForms) {
    const name = form.ownerOf(key);
    if (name !== undefined) return { form, name };
  }
}
