/** What the world of whole nodes must meet. The rates are a third of what was measured. */
import type { Mark } from "../marks.ts";

export const NODE_MARKS: readonly Mark[] = [];
