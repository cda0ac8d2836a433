// Forget for good: a selector, what it finds, the confirmation, the receipt.

import { button, el, empty, field, plural, say, words } from "./dom.js";
import { post, state } from "./api.js";
import { attempt } from "./main.js";

const SELECTORS = {
  query: "records with each of these words",
  session_id: "sessions, by id (one on each line)",
  page_id: "pages, by id (one on each line)",
  item_id: "items, by id (one on each line)",
  time: "sessions of a time",
  everything: "the whole namespace",
};

export function forgetView(body, _id, query) {
  const given = Object.keys(SELECTORS).find((name) => query[name]) ?? "query";
  const way = el("select", { name: "way" }, Object.entries(SELECTORS).map(([name, label]) => el("option", { value: name, selected: name === given }, label)));
  const value = el("textarea", { rows: 2, dir: "auto", name: "value" });
  value.value = query[given] ?? "";
  const after = el("input", { type: "text", name: "after", placeholder: "2024-05-01" });
  const before = el("input", { type: "text", name: "before", placeholder: "2024-06-01" });
  const valueField = field("Which", value);
  const times = el("div", { class: "fields" }, field("From", after), field("Before", before));
  const shown = el("div", { "aria-live": "polite" });

  function adapt() {
    valueField.hidden = ["time", "everything"].includes(way.value);
    times.hidden = way.value !== "time";
    shown.replaceChildren();
  }

  function selector() {
    if (way.value === "everything") return { everything: true };
    if (way.value === "time") return { after: after.value || null, before: before.value || null };
    if (way.value === "query") return { query: value.value };
    return { [way.value]: value.value.split("\n").map((one) => one.trim()).filter(Boolean) };
  }

  const preview = attempt(body, async () => {
    const wanted = selector();
    const { receipt, confirm } = await post("forget/preview", wanted);
    if (!Object.keys(receipt.counts).length) return shown.replaceChildren(empty("Nothing matches. Nothing would be changed."));
    const sure = el("input", { type: "text", autocomplete: "off", name: "sure" });
    const word = wanted.everything ? state.namespace : "forget";
    const go = button("Forget for good", attempt(shown, async () => {
      const done = await post("forget", { selector: wanted, confirm });
      say(`Forgotten: ${done.status}.`);
      shown.replaceChildren(receiptCard(done));
    }), { class: "danger", disabled: true });
    sure.addEventListener("input", () => (go.disabled = sure.value !== word));
    shown.replaceChildren(el("section", { class: "card" }, el("h2", {}, "This would be deleted"), counts(receipt),
      el("ul", { class: "beginnings" }, Object.entries(receipt.beginnings).slice(0, 50).map(([id, text]) => el("li", {}, el("code", {}, id), " ", words(text)))),
      kept(receipt), state.readOnly ? empty("This server is read-only.") : el("div", { class: "fields confirm" },
        field(el("span", {}, "Type ", words(word, "b"), " to confirm"), sure), go)));
  });

  way.addEventListener("change", adapt);
  adapt();
  body.append(el("p", { class: "dim" }, "What is forgotten is deleted with all that is derived only from it, and its bytes are erased. To take an item out of use and keep its history, delete it instead."),
    el("form", { class: "card", onsubmit: preview }, field("Forget", way), valueField, times,
      el("div", { class: "actions" }, el("button", { class: "primary" }, "Preview"))), shown);
}

export function receiptCard(receipt) {
  return el("section", { class: "card receipt" }, el("h2", {}, `Receipt: ${receipt.status}`), counts(receipt), kept(receipt),
    receipt.reasons.map((one) => words(one, "p", { class: "bad" })), el("p", { class: "dim" }, receipt.note),
    el("details", {}, el("summary", {}, "As JSON"), words(JSON.stringify(receipt, null, 2), "pre", { tabindex: "0" })));
}

function counts(receipt) {
  const rows = Object.entries(receipt.counts);
  return el("p", {}, rows.length ? rows.map(([name, number]) => [el("span", { class: "tag" }, plural(number, name === "entries" ? "entry" : name.replace(/s$/, ""))), " "]) : "Nothing.");
}

function kept(receipt) {
  return receipt.kept.length ? el("div", {}, el("h3", {}, "Look at these items, which stay"),
    el("ul", {}, receipt.kept.map((one) => el("li", {}, el("a", { href: `#/item/${encodeURIComponent(one.item_id)}` }, one.item_id), " ", words(one.reason))))) : "";
}
