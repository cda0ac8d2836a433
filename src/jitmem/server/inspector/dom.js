// Build elements. All text goes through textContent: a memory is hostile text, and there is no innerHTML anywhere.

// Joiners between letters or emoji and emoji selectors stay; other controls and invisible characters are shown.
const INVISIBLE = new RegExp(
  "(?<=[\\p{L}\\p{M}\\p{Extended_Pictographic}\\ufe0f])[\\u200c\\u200d](?=[\\p{L}\\p{Extended_Pictographic}])"
  + "|(?<=[\\p{Extended_Pictographic}#*0-9])\\ufe0f"
  + "|([\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Default_Ignorable_Code_Point}])", "gu");

function escape(character) {
  return [...character].map((one) => `\\u${one.codePointAt(0).toString(16).padStart(4, "0")}`).join("");
}

/** Text as nodes, in which a control or invisible character is a visible escape. */
export function visible(text) {
  const nodes = [];
  let from = 0;
  for (const found of String(text).matchAll(INVISIBLE)) {
    if (found[1] === undefined || found[1] === "\n" || found[1] === "\t") continue;
    if (found[1] === "\r" && text[found.index + 1] === "\n") continue;
    nodes.push(document.createTextNode(text.slice(from, found.index)));
    const shown = document.createElement("span");
    shown.className = "control";
    shown.title = "an invisible character";
    shown.textContent = escape(found[1]);
    nodes.push(shown);
    from = found.index + found[0].length;
  }
  nodes.push(document.createTextNode(String(text).slice(from)));
  return nodes;
}

/** An element. Attributes that begin with "on" are listeners; true sets an attribute, false and null leave it out.
    Children are nodes, text, or lists of them. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  set(made, attributes, children);
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(made, attributes, children);
  return made;
}

function set(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
}

/** Somebody's words: their own direction, and nothing invisible. */
export function words(text, name = "span", attributes = {}) {
  return el(name, { dir: "auto", ...attributes }, visible(text));
}

export function link(hash, ...children) {
  return el("a", { href: `#${hash}` }, ...children);
}

export function button(label, act, attributes = {}) {
  return el("button", { type: "button", onclick: act, ...attributes }, label);
}

/** A labelled field. */
export function field(label, input) {
  return el("label", { class: "field" }, el("span", {}, label), input);
}

export function choice(name, options, value) {
  return el("select", { name }, options.map((one) => el("option", { value: one, selected: one === value }, one || "default")));
}

export function empty(text, ...more) {
  return el("p", { class: "empty" }, text, ...more);
}

export function plural(number, thing) {
  const many = thing.endsWith("y") ? `${thing.slice(0, -1)}ies` : `${thing}s`;
  return `${number.toLocaleString("en")} ${number === 1 ? thing : many}`;
}

export function when(time) {
  return time ? time.replace("T", " ").replace(/:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$/, "").replace(/ 00:00$/, "") : "";
}

/** Python's positions count code points, JavaScript's code units. */
export function slicer(text) {
  if (!/[\ud800-\udfff]/.test(text)) return (start, end) => text.slice(start, end);
  const points = [...text];
  return (start, end) => points.slice(start, end).join("");
}

let silence = 0;

/** For a few seconds, and to a screen reader. */
export function say(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (status.textContent = ""), 5000);
}
