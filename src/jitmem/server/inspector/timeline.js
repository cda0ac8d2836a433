// Pages by day and session, and one page word for word.

import { button, el, empty, field, link, plural, slicer, visible, when, words } from "./dom.js";
import { get, state } from "./api.js";
import { attempt } from "./main.js";

const SHOWN = 500; // passages of a page at first

export async function timelineView(body, _id, query) {
  const inputs = {
    words: el("input", { type: "search", name: "words", dir: "auto" }),
    speaker: el("input", { type: "text", name: "speaker", dir: "auto" }),
    after: el("input", { type: "text", name: "after", placeholder: "2024-05-01" }),
    before: el("input", { type: "text", name: "before", placeholder: "2024-06-01" }),
    metadata: el("input", { type: "text", name: "metadata", placeholder: "name=value" }),
    session_id: el("input", { type: "text", name: "session_id", dir: "auto" }),
  };
  for (const [name, input] of Object.entries(inputs)) input.value = query[name] ?? "";
  const labels = { words: "Words", speaker: "Speaker", after: "From", before: "Before", metadata: "Metadata", session_id: "Session" };
  const list = el("div", {});
  const more = button("Show more", attempt(list, () => load()), { hidden: true });
  let next = null;
  let day = null;
  let session = null;
  let rows = null;

  async function load(first = false) {
    const wanted = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]));
    const part = await get("pages", { ...wanted, cursor: first ? null : next });
    if (first) {
      list.replaceChildren();
      day = session = null;
    }
    for (const page of part.pages) add(page);
    next = part.next;
    more.hidden = !next;
    if (first && !part.pages.length) {
      list.append(Object.values(wanted).some(Boolean) ? empty("No page has all of this; leave a field empty.")
        : empty("This memory has no page yet. File one: ", el("code", {}, "jitmem memorize notes/ --memory PATH")));
    }
  }

  function add(page) {
    const date = when(page.time).slice(0, 10) || "Without a time";
    if (date !== day) {
      list.append(el("h2", {}, date));
      session = null;
    }
    if (page.session_id !== session) {
      rows = el("ul", { class: "plain rows" });
      list.append(el("section", { class: "card" }, el("h3", {}, words(page.metadata.title ?? page.session_id)), rows));
    }
    [day, session] = [date, page.session_id];
    rows.append(el("li", {}, link(`/page/${encodeURIComponent(page.id)}`, words(page.header)), el("br"),
      words(page.memo || page.beginning, "span", { class: "clip dim" })));
  }

  const [[first, input], ...rest] = Object.entries(inputs);
  body.append(el("form", { class: "card", onsubmit: attempt(list, () => load(true)) },
    el("div", { class: "fields search-line" }, field(labels[first], input), el("button", { class: "primary" }, "Filter")),
    el("details", { open: innerWidth > 700 || rest.some(([, one]) => one.value) }, el("summary", {}, "Speaker, time, metadata, session"),
      el("div", { class: "fields" }, rest.map(([name, one]) => field(labels[name], one))))), list, more);
  await load(true);
}

export async function pageView(body, id, query) {
  const { page, passages, items } = await get(`pages/${encodeURIComponent(id)}`);
  const slice = slicer(page.text);
  const [from, to] = [Number(query.start ?? -1), Number(query.end ?? -1)];
  const text = el("div", { class: "text card" });
  const more = button("Show more of this page", () => draw(shown + SHOWN), { hidden: true });
  const blocks = split(passages, [...page.text].length);
  const marked = blocks.findIndex(([, end]) => end > from);
  let shown = 0;

  function draw(count) {
    for (const [start, end, speaker] of blocks.slice(shown, count)) {
      const [a, b] = [Math.max(start, from), Math.min(end, to)];
      const parts = from >= 0 && a < b
        ? [visible(slice(start, a)), el("mark", {}, visible(slice(a, b))), visible(slice(b, end))] : visible(slice(start, end));
      // No part has a direction of its own: the browser takes that of the passage from text outside of such parts.
      text.append(el("div", { class: speaker === undefined ? "between" : "passage", dir: "auto" }, parts));
    }
    shown = Math.min(count, blocks.length);
    more.hidden = shown >= blocks.length;
  }

  draw(Math.max(SHOWN, from >= 0 ? marked + 20 : 0));
  const cited = state.runs.map((run, at) => [run, at]).filter(([run]) => run.events.at(-1)?.result?.citations.some((one) => one.page_id === id));
  body.append(
    words(page.header, "p", { class: "header" }),
    el("div", { class: "actions" }, el("span", { class: "dim" }, `page ${page.part} of ${page.parts}`),
      link(`/pages?session_id=${encodeURIComponent(page.session_id)}`, "its session"),
      link(`/forget?page_id=${encodeURIComponent(id)}`, "forget it")),
    page.memo ? el("p", { class: "memo" }, el("span", { class: "tag" }, "memo"), " ", words(page.memo)) : "",
    Object.keys(page.metadata).length ? el("details", {}, el("summary", {}, "Metadata"), el("dl", {}, Object.entries(page.metadata)
      .map(([name, value]) => [words(name, "dt"), words(typeof value === "string" ? value : JSON.stringify(value), "dd")]))) : "",
    text, more,
    el("h2", {}, "Items from this page"),
    items.length ? el("ul", {}, items.map((one) => el("li", {}, el("span", { class: "tag" }, one.kind), " ",
      link(`/item/${encodeURIComponent(one.id)}`, words(one.content.slice(0, 300))))))
      : empty("No memory item names this page as its source."),
    el("h2", {}, "Cited by"),
    cited.length ? el("ul", {}, cited.map(([run, at]) => el("li", {}, link(`/ask?run=${at}`, words(run.asked.question)))))
      : empty("No question that was asked in this tab cites it. ", link("/ask", "Ask one.")),
    el("p", { class: "dim" }, `${plural(page.text.length, "character")} · id ${page.id}`));
  text.querySelector("mark")?.scrollIntoView({ block: "center" });
}

/** The whole text as [start, end, speaker] blocks: the passages, and what lies between them. */
function split(passages, length) {
  const blocks = [];
  let at = 0;
  for (const one of passages) {
    if (one.start > at) blocks.push([at, one.start]);
    if (one.end > at) blocks.push([Math.max(at, one.start), one.end, one.speaker]);
    at = Math.max(at, one.end);
  }
  if (at < length) blocks.push([at, length]);
  return blocks;
}
