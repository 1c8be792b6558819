/** The patterns of to_char() for numbers. */
import { unreachable } from "../../base/assert.ts";
import { SqlError } from "../errors.ts";
import { trimEndOf } from "../trim.ts";
import { roundToScale } from "../types/numeric.ts";

interface Template {
  readonly fill: boolean;
  /** Pattern characters before and behind the point. */
  readonly whole: string;
  readonly fraction: string;
  readonly hasPoint: boolean;
  /** S, MI, PL, SG or PR, and where it stands. */
  readonly sign: "none" | "S" | "MI" | "PL" | "SG" | "PR";
  readonly signFirst: boolean;
  readonly prefix: string;
  readonly suffix: string;
}

export function formatNumber(text: string, given: string): string {
  const template = read(given);
  if (!/\d/.test(text)) {
    return text;
  }
  const rounded = roundToScale(text, digitsOf(template.fraction));
  const negative = rounded.startsWith("-") && /[1-9]/.test(rounded);
  const [whole = "0", fraction = ""] = rounded.replace("-", "").split(".");
  const significant = whole.replace(/^0+/, "");
  const width = digitsOf(template.whole);
  const fits = significant.length <= width;
  const body = fits
    ? wholePart(significant, template) + fractionPart(fraction, template)
    : overflow(template);
  return signed(body, negative, template);
}

function read(given: string): Template {
  if (/E{4}|RN|V|TH/i.test(given)) {
    throw new SqlError("0A000", `the number pattern "${given}" is not supported`);
  }
  const fill = !/FM/i.test(given);
  const text = given.replace(/FM/gi, "");
  const core = /[09.,DG]+/i.exec(text)?.[0] ?? "";
  const at = text.indexOf(core);
  const [before, after] = [text.slice(0, at), text.slice(at + core.length)];
  const sign = signIn(before) ?? signIn(after) ?? "none";
  const [whole = "", fraction] = core.replace(/D/gi, ".").replace(/G/gi, ",").split(".");
  return {
    fill,
    whole,
    fraction: fraction ?? "",
    hasPoint: fraction !== undefined,
    sign,
    signFirst: signIn(before) !== undefined,
    prefix: plain(before),
    suffix: plain(after),
  };
}

/** Digits from the right; a 0 in the pattern, and all right of it, shows zeros. */
function wholePart(digits: string, { whole, fill, hasPoint }: Template): string {
  const width = whole.replace(/[^09]/g, "").length;
  const firstZero = whole.replace(/[^09]/g, "").indexOf("0");
  const shown = digits.padStart(firstZero === -1 ? 0 : width - firstZero, "0");
  const wanted = shown === "" && !hasPoint ? "0" : shown;
  let result = "";
  let at = 0;
  const missing = width - wanted.length;
  for (const character of whole) {
    if (character === ",") {
      result += at > missing ? "," : fill ? " " : "";
    } else {
      result += at < missing ? (fill ? " " : "") : wanted.charAt(at - missing);
      at += 1;
    }
  }
  return result;
}

/** FM drops the zeros at the end that the pattern does not ask for with 0. */
function fractionPart(digits: string, { fraction, hasPoint, fill }: Template): string {
  if (!hasPoint) {
    return "";
  }
  const kept = fraction.lastIndexOf("0") + 1;
  const trimmed = fill ? digits : digits.slice(0, kept) + trimEndOf(digits.slice(kept), "0");
  return `.${trimmed}`;
}

function overflow({ whole, fraction, hasPoint }: Template): string {
  return hashes(whole) + (hasPoint ? `.${hashes(fraction)}` : "");
}

function signed(body: string, negative: boolean, template: Template): string {
  const { prefix, suffix, fill, signFirst } = template;
  const blank = fill ? " " : "";
  const number = body.trimStart();
  const padding = body.slice(0, body.length - number.length);
  const minus = negative ? "-" : blank;
  switch (template.sign) {
    case "PR":
      return (negative ? `${padding}<${number}>` : `${blank}${padding}${number}${blank}`) + suffix;
    case "S":
    case "SG":
      return withPlus(body, negative ? "-" : "+", template);
    case "MI":
      return signFirst ? `${minus}${prefix}${body}${suffix}` : `${prefix}${body}${minus}${suffix}`;
    case "PL": {
      const plus = negative ? blank : "+";
      const shown = `${padding}${minus}${number}`;
      return signFirst ? `${plus}${prefix}${shown}${suffix}` : `${prefix}${shown}${plus}${suffix}`;
    }
    case "none":
      return `${prefix}${padding}${minus}${number}${suffix}`;
    default:
      return unreachable(template.sign);
  }
}

/** S stands at the number, SG where it is written. */
function withPlus(body: string, mark: string, template: Template): string {
  const { sign, signFirst, prefix, suffix } = template;
  if (!signFirst) return `${prefix}${body}${mark}${suffix}`;
  const number = body.trimStart();
  return sign === "SG"
    ? `${mark}${prefix}${body}${suffix}`
    : `${body.slice(0, body.length - number.length)}${mark}${prefix}${number}${suffix}`;
}

const SIGNS = ["SG", "MI", "PL", "PR", "S"] as const;

function signIn(part: string): Template["sign"] | undefined {
  return SIGNS.find((sign) => part.toUpperCase().includes(sign));
}

function plain(part: string): string {
  return part.replace(/SG|MI|PL|PR|S|L/gi, "").replaceAll('"', "");
}

function digitsOf(part: string): number {
  return part.replace(/[^09]/g, "").length;
}

function hashes(part: string): string {
  return part.replace(/[09]/g, "#");
}
