import { typeNameOf } from "../analyze/type-name.ts";

/** How error messages write a call: name(integer, text). */
export function callForm(name: string, types: readonly number[]): string {
  return `${name}(${types.map(typeNameOf).join(", ")})`;
}
