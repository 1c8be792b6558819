import type { Translators } from "../analyze/scope.ts";
import { expression } from "./expression.ts";
import { query } from "./query.ts";

export const translators: Translators = { expression, query };
