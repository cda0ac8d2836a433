// What changed between two versions, word by word.

import { el, visible } from "./dom.js";

const MOST = 600; // words of a version; beyond, the whole is shown as replaced

/** Nodes: what is in both, and <del> and <ins>. */
export function difference(before, after) {
  if (!before) return visible(after);
  const [a, b] = [before.split(/(\s+)/), after.split(/(\s+)/)];
  if (Math.max(a.length, b.length) > MOST) return [el("del", {}, visible(before)), " ", el("ins", {}, visible(after))];
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const runs = [];
  const add = (kind, word) => (runs.at(-1)?.[0] === kind ? (runs.at(-1)[1] += word) : runs.push([kind, word]));
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [add("span", a[i]), (i += 1), (j += 1)];
    else if (i < a.length && (j >= b.length || common[i + 1][j] >= common[i][j + 1])) [add("del", a[i]), (i += 1)];
    else [add("ins", b[j]), (j += 1)];
  }
  return runs.map(([kind, text]) => el(kind, {}, visible(text)));
}
