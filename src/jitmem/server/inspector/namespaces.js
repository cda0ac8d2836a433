// Which namespaces there are, who may read this one, and how long records are kept.

import { button, el, empty, field, say, words } from "./dom.js";
import { get, patch, post, state } from "./api.js";
import { attempt, reload, switchNamespace } from "./main.js";
import { receiptCard } from "./forget.js";

const KINDS = ["pages", "core", "semantic", "episodic"];

export async function namespacesView(body) {
  const [{ readers }, ages, all] = await Promise.all([
    get("shares"), get("retention"), state.owner ? get("namespaces") : Promise.resolve({ namespaces: [state.namespace] })]);
  const names = all.namespaces.includes(state.namespace) ? all.namespaces : [...all.namespaces, state.namespace];
  const list = el("ul", { class: "plain rows" }, names.map((name) => el("li", {}, words(name), " ",
    name === state.namespace ? el("span", { class: "tag" }, "shown") : button("Switch", () => switchNamespace(name)))));
  const other = el("input", { type: "text", name: "namespace", required: true, dir: "auto" });
  const open = el("form", { class: "fields", onsubmit: (event) => {
    event.preventDefault();
    switchNamespace(other.value);
  } }, field("Another name", other), el("button", {}, "Open"));

  const reader = el("input", { type: "text", name: "reader", required: true, dir: "auto", placeholder: "team/*" });
  const change = (path, name) => attempt(body, async () => {
    await post(path, { reader: name });
    await reload();
  });
  const shares = el("section", { class: "card" }, el("h2", {}, "Who may read it"),
    readers.length ? el("ul", { class: "plain rows" }, readers.map((one) => el("li", {}, words(one), " ",
      state.readOnly ? "" : button("Stop sharing", change("shares/remove", one)))))
      : empty("No other namespace reads this one."),
    state.readOnly ? "" : el("form", { class: "fields", onsubmit: (event) => change("shares", reader.value)(event) }, field("Share with", reader), el("button", {}, "Share")));

  const inputs = Object.fromEntries(KINDS.map((kind) => {
    const input = el("input", { type: "text", name: kind, placeholder: "for ever", disabled: state.readOnly });
    input.value = ages[kind] ? `${+(ages[kind] / 86400).toFixed(4)} days` : "";
    return [kind, input];
  }));
  const purged = el("div", {});
  const save = attempt(body, async () => {
    await patch("retention", Object.fromEntries(KINDS.map((kind) => [kind, inputs[kind].value.trim() || null])));
    say("Saved.");
    await reload();
  });
  const retention = el("section", { class: "card" }, el("h2", {}, "How long records are kept"),
    el("p", { class: "dim" }, "Older records are hidden at once, and erased by a purge. An empty field keeps for ever."),
    el("form", { class: "fields", onsubmit: save }, KINDS.map((kind) => field(kind, inputs[kind])),
      state.readOnly ? "" : [el("button", { class: "primary" }, "Save"),
        button("Purge now", attempt(purged, async () => purged.replaceChildren(receiptCard(await post("purge")))))]), purged);
  body.append(el("section", { class: "card" }, el("h2", {}, "Namespaces"), list, state.owner ? open : ""), shares, retention);
}
