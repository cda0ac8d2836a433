// Memory items: list, edit, history as a diff, undo, as of a date, proposals.

import { button, choice, el, empty, field, link, say, when, words } from "./dom.js";
import { get, patch, post, remove, state } from "./api.js";
import { attempt, reload } from "./main.js";
import { difference } from "./difference.js";

export async function itemsView(body) {
  const kind = choice("kind", ["", "core", "semantic", "episodic"], "");
  kind.options[0].textContent = "all";
  const search = el("input", { type: "search", name: "words", dir: "auto" });
  const asOf = el("input", { type: "text", name: "as_of", placeholder: "2024-05-08 14:00" });
  const list = el("ul", { class: "plain" });
  const note = el("p", { class: "dim" });
  const more = button("Show more", attempt(body, () => load()), { hidden: true });
  const proposals = el("div", {});
  let next = null;

  async function load(first = false) {
    const query = { kind: kind.value, words: search.value.trim(), as_of: asOf.value.trim(), cursor: first ? null : next };
    const part = await get("items", query);
    if (first) list.replaceChildren();
    note.textContent = query.as_of ? `As the items were at ${query.as_of}; words do not filter these.` : "";
    list.append(...part.items.map((one) => itemCard(one, Boolean(query.as_of))));
    next = part.next;
    more.hidden = !next;
    if (first && !part.items.length) {
      list.append(el("li", {}, empty(query.kind || query.words || query.as_of ? "No item is like this." :
        "There are no memory items yet. Add one above, or memorize a session: items are drawn from its pages.")));
    }
  }

  body.append(proposals,
    el("form", { class: "card fields", onsubmit: attempt(body, () => load(true)) }, field("Kind", kind), field("Words", search),
      field("As of", asOf), el("button", { class: "primary" }, "Filter")),
    state.readOnly ? "" : addForm(body), note, list, more);
  await Promise.all([load(true), showProposals(proposals)]);
}

export async function itemView(body, id) {
  const { items } = await get(`items/${encodeURIComponent(id)}/history`);
  const newest = items.at(-1);
  body.append(newest.deleted ? empty("This item was deleted; undo restores it.")
    : el("ul", { class: "plain" }, itemCard(newest, false, false)));
  body.append(el("h2", {}, "History"), el("ol", { class: "plain", reversed: true }, items.map((one, at) => {
    const before = items[at - 1]?.content ?? "";
    const change = one.deleted ? words(before, "del") : el("span", { dir: "auto" }, difference(before, one.content));
    const undo = attempt(body, async () => {
      await post(`changes/${one.change}/undo`);
      say("Undone.");
      await reload();
    });
    return el("li", { class: "card" },
      el("p", { class: "dim" }, `version ${one.version}, ${one.deleted ? "deleted" : at ? "changed" : "made"} by ${one.cause}, ${when(one.changed_at)}`),
      el("p", {}, change),
      state.readOnly || one !== newest ? "" : el("div", { class: "actions" }, button("Undo this change", undo)));
  }).reverse()));
}

function itemCard(item, past, withHistory = true) {
  const card = el("li", { class: "card item" });
  const where = `items/${encodeURIComponent(item.id)}`;
  const content = words(item.content, "p");
  const actions = el("div", { class: "actions" },
    withHistory ? link(`/item/${encodeURIComponent(item.id)}`, "History") : "",
    past || state.readOnly ? "" : [
      button("Edit", () => content.replaceWith(editor())),
      button("Delete", attempt(card, async () => {
        const { change } = await remove(where);
        say("Deleted.");
        card.replaceChildren(el("p", {}, "Deleted. "), button("Undo", attempt(card, async () => {
          await post(`changes/${change}/undo`);
          await reload();
        })));
      })), link(`/forget?item_id=${encodeURIComponent(item.id)}`, "Forget")]);
  card.append(el("p", { class: "dim" }, el("span", { class: `tag ${item.kind}` }, item.kind), " ", when(item.time),
    ` version ${item.version} by ${item.cause}, ${when(item.changed_at)} `,
    item.page_ids.slice(0, 5).map((id) => [" ", link(`/page/${encodeURIComponent(id)}`, "source")])), content, actions);

  function editor() {
    const text = el("textarea", { rows: 4, dir: "auto", "aria-label": "Content", name: "content" });
    text.value = item.content;
    const save = attempt(card, async () => {
      const outcome = await patch(where, { content: text.value, expected_version: item.version });
      say(outcome.status === "proposed" ? "Proposed." : "Saved.");
      await reload();
    });
    queueMicrotask(() => text.focus());
    return el("form", { onsubmit: save }, text, el("div", { class: "actions" }, el("button", { class: "primary" }, "Save"),
      button("Cancel", () => reload())));
  }
  return card;
}

function addForm(body) {
  const content = el("textarea", { rows: 2, required: true, dir: "auto", name: "content" });
  const kind = choice("kind", ["semantic", "episodic", "core"], "semantic");
  const time = el("input", { type: "text", name: "time", placeholder: "of an event" });
  const add = attempt(body, async () => {
    const made = kind.value === "core" ? await patch("items/core", { content: content.value })
      : await post("items", { content: content.value, kind: kind.value, time: time.value || null });
    say({ applied: "Added.", proposed: "Proposed.", duplicate: "An item says that already." }[made.status]);
    await reload();
  });
  return el("details", {}, el("summary", {}, "Add an item"), el("form", { class: "card", onsubmit: add }, field("Content", content),
    el("div", { class: "fields" }, field("Kind", kind), field("Time", time), el("button", { class: "primary" }, "Add"))));
}

async function showProposals(where) {
  const { proposals } = await get("proposals");
  if (!proposals.length) return;
  const decide = (number, verb) => attempt(where, async () => {
    await post(`proposals/${number}/${verb}`);
    say(verb === "approve" ? "Approved." : "Rejected.");
    await reload();
  });
  where.append(el("h2", {}, "Proposed edits"), el("ul", { class: "plain" }, proposals.map(({ number, edit, reason, at }) => el("li", { class: "card" },
    el("p", {}, el("span", { class: "tag" }, `${edit.op} ${edit.kind}`), " ", words(edit.content ?? edit.id ?? "")),
    el("p", { class: "dim" }, words(reason), ` · ${when(at)}`),
    state.readOnly ? "" : el("div", { class: "actions" }, button("Approve", decide(number, "approve"), { class: "primary" }),
      button("Reject", decide(number, "reject")))))));
}
