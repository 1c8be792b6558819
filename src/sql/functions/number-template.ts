/** The patterns of to_char() for numbers. */
import { SqlError } from "../errors.ts";
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
  const digitsOf = (part: string) => part.replace(/[^09]/g, "").length;
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
  const signed = (part: string) => /SG|MI|PL|PR|S/i.exec(part)?.[0].toUpperCase();
  const sign = (signed(before) ?? signed(after) ?? "none") as Template["sign"];
  const plain = (part: string) => part.replace(/SG|MI|PL|PR|S|L/gi, "").replaceAll('"', "");
  const [whole = "", fraction] = core.replace(/D/gi, ".").replace(/G/gi, ",").split(".");
  return {
    fill,
    whole,
    fraction: fraction ?? "",
    hasPoint: fraction !== undefined,
    sign,
    signFirst: signed(before) !== undefined,
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
  const trimmed = fill ? digits : digits.slice(0, kept) + digits.slice(kept).replace(/0+$/, "");
  return `.${trimmed}`;
}

function overflow({ whole, fraction, hasPoint }: Template): string {
  const hashes = (part: string) => part.replace(/[09]/g, "#");
  return hashes(whole) + (hasPoint ? `.${hashes(fraction)}` : "");
}

function signed(body: string, negative: boolean, template: Template): string {
  const { sign, signFirst, prefix, suffix, fill } = template;
  const blank = fill ? " " : "";
  const number = body.trimStart();
  const padding = body.slice(0, body.length - number.length);
  switch (sign) {
    case "PR":
      return negative
        ? `${padding}<${number}>${suffix}`
        : `${blank}${padding}${number}${blank}${suffix}`;
    case "S":
    case "SG": {
      const mark = negative ? "-" : "+";
      if (!signFirst) return `${prefix}${body}${mark}${suffix}`;
      return sign === "SG"
        ? `${mark}${prefix}${body}${suffix}`
        : `${padding}${mark}${prefix}${number}${suffix}`;
    }
    case "MI":
      return signFirst
        ? `${negative ? "-" : blank}${prefix}${body}${suffix}`
        : `${prefix}${body}${negative ? "-" : blank}${suffix}`;
    case "PL": {
      const minus = negative ? "-" : blank;
      const plus = negative ? blank : "+";
      return signFirst
        ? `${plus}${prefix}${padding}${minus}${number}${suffix}`
        : `${prefix}${padding}${minus}${number}${plus}${suffix}`;
    }
    default:
      return `${prefix}${padding}${negative ? "-" : blank}${number}${suffix}`;
  }
}
