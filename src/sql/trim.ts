/**
 * `text` without the `character`s at its end. The expression /x+$/ would take quadratic time where many of them
 * are inside.
 */
export function trimEndOf(text: string, character: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === character) end -= 1;
  return text.slice(0, end);
}
