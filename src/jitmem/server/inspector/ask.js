// Ask a question and watch the run: plan, searches side by side, statements, reflection, the context with its citations.

import { button, choice, el, empty, field, link, plural, say, visible, words } from "./dom.js";
import { state, stream } from "./api.js";
import { attempt } from "./main.js";

export function askView(body, _id, query) {
  const question = el("textarea", { rows: 2, required: true, name: "question", dir: "auto", placeholder: "Where does Ana work now?" });
  question.value = query.question ?? "";
  const effort = choice("effort", ["", "recall", "fast", "deep"], "");
  const output = choice("output", ["", "integration", "snippets", "pages"], "");
  const depth = el("input", { type: "number", min: 1, max: 20, name: "depth", placeholder: "3" });
  const tokens = el("input", { type: "number", min: 16, name: "context_tokens", placeholder: "2000" });
  const answer = el("input", { type: "checkbox", name: "answer" });
  const now = el("input", { type: "text", name: "now", placeholder: "the clock" });
  const go = el("button", { class: "primary" }, "Ask");
  const stop = button("Stop", () => running?.abort(), { hidden: true });
  const run = el("div", { class: "run" });
  const earlier = el("div", {});
  let running = null;

  const form = el("form", { class: "card ask" }, field("Question", question),
    el("details", { open: innerWidth > 700 }, el("summary", {}, "Options"), el("div", { class: "fields" },
      field("Effort", effort), field("Rounds", depth), field("Output", output), field("Context tokens", tokens),
      field("Time of the question", now), el("label", { class: "check" }, answer, " also a short answer"))),
    el("div", { class: "actions" }, go, stop));
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", attempt(run, async () => {
    const asked = { question: question.value };
    for (const [name, input] of Object.entries({ effort, output, now })) if (input.value) asked[name] = input.value;
    if (depth.value) asked.depth = Number(depth.value);
    if (tokens.value) asked.context_tokens = Number(tokens.value);
    if (answer.checked) asked.answer = true;
    running?.abort();
    const mine = (running = new AbortController());
    stop.hidden = false;
    const kept = { asked, events: [], seconds: 0 };
    const shown = new RunView(run, asked.question);
    const began = performance.now();
    try {
      for await (const { name, data } of stream("research/stream", asked, mine.signal)) {
        kept.events.push(data);
        kept.seconds = (performance.now() - began) / 1000;
        if (name === "error") throw Object.assign(new Error(data.message), data);
        shown.add(data, kept.seconds);
      }
      state.runs.unshift(kept);
      state.runs.length = Math.min(state.runs.length, 30);
      list();
    } finally {
      if (running === mine) stop.hidden = true;
    }
  }));

  function list() {
    earlier.replaceChildren(...(state.runs.length ? [el("h2", {}, "Earlier runs"), el("ul", { class: "plain rows" }, state.runs.map((one) => el("li", {},
      words(one.asked.question), " ", el("span", { class: "dim" }, `${one.seconds.toFixed(1)} s`), " ",
      button("Show", () => replay(one)), button("Ask again", () => {
        question.value = one.asked.question;
        form.requestSubmit();
      }))))] : []));
  }

  /** The same run from its trace: nothing is asked. */
  function replay(one) {
    const shown = new RunView(run, one.asked.question);
    for (const event of one.events) shown.add(event, one.seconds);
    run.scrollIntoView({ block: "start" });
  }

  run.append(empty("Ask something: the run appears here step by step. Without a model, rules answer each step."));
  body.append(form, run, earlier);
  list();
  const opened = query.run !== undefined && state.runs[Number(query.run)];
  if (opened) replay(opened);
  else question.focus();
  return () => running?.abort();
}

class RunView {
  constructor(where, question) {
    this.figures = el("p", { class: "figures dim" }, "Planning …");
    this.rounds = el("div", {});
    this.result = el("section", { class: "result", "aria-live": "polite" });
    where.replaceChildren(words(question, "h2"), this.figures, this.result, this.rounds);
    this.number = 0;
  }

  add(event, seconds) {
    this[event.event]?.(event, seconds);
  }

  planned(event) {
    this.number += 1;
    this.found_ = el("div", { class: "searches" });
    this.notes = el("div", {});
    const needs = event.needs.filter((one) => one !== event.request);
    this.rounds.append(el("section", { class: "card round" }, el("h3", {}, `Round ${this.number}: `, words(event.request)),
      needs.length ? el("p", { class: "dim" }, "Needed: ", needs.map((one) => [words(one, "span", { class: "tag" }), " "])) : "",
      this.found_, this.notes));
    this.figures.textContent = `Round ${this.number}: searching …`;
  }

  found(event) {
    const best = Math.max(...event.best.map((one) => one.score), 1e-9);
    this.found_?.append(el("div", { class: "search" },
      el("p", {}, el("span", { class: "tag" }, event.tool.replace("_", " ")), " ", words(event.query), " ",
        el("span", { class: "dim" }, plural(event.hits, "hit"))),
      el("ol", { class: "hits" }, event.best.map((hit) => el("li", {},
        el("meter", { min: 0, max: 1, value: Math.max(0, hit.score / best), title: `score ${hit.score}`, "aria-label": `score ${hit.score.toFixed(2)}` }),
        el("span", { class: "score" }, hit.score.toFixed(2)), " ", recordLink(hit, words(hit.text.slice(0, 300), "span", { class: "clip" })))))));
  }

  ranked(event) {
    this.notes?.append(el("p", { class: "dim" }, `${plural(event.hits, "passage")} ranked, ${event.new} new${event.reranked ? ", reranked" : ""}.`));
    this.figures.textContent = `Round ${this.number}: integrating …`;
  }

  integrated(event) {
    this.notes?.append(event.statements.length ? el("div", {}, el("h4", {}, "Known so far"),
      el("ul", {}, event.statements.map((one) => words(one, "li")))) : el("p", { class: "dim" }, "Nothing was integrated."));
    this.figures.textContent = `Round ${this.number}: reflecting …`;
  }

  reflected(event) {
    this.notes?.append(el("p", { class: event.enough ? "good" : "bad" }, event.enough ? "Enough." : "Still missing: ",
      event.enough ? "" : event.missing.map((one) => [words(one, "span", { class: "tag" }), " "])));
  }

  retrying(event) {
    this.notes?.append(el("p", { class: "bad" }, `${event.step}: `, words(event.why), ` Again in ${event.pause_s.toFixed(1)} s.`));
  }

  failed(event) {
    this.notes?.append(el("p", { class: "bad" }, `${event.step}, ${event.error}: `, words(event.message)));
  }

  answered() {}

  done({ result }, seconds) {
    const { calls, prompt_tokens, completion_tokens } = result.usage;
    this.figures.textContent = `${result.stopped.replace("_", " ")} · ${plural(result.rounds.length, "round")} · ${plural(calls, "model call")} · `
      + `${prompt_tokens.toLocaleString("en")} tokens in, ${completion_tokens.toLocaleString("en")} out · ${seconds.toFixed(1)} s`;
    say(`Done: ${plural(result.citations.length, "citation")}.`);
    const pieces = result.context.split(/(\[\d+\])/).map((piece) => {
      const citation = /^\[\d+\]$/.test(piece) && result.citations[Number(piece.slice(1, -1)) - 1];
      return citation ? recordLink(citation, piece) : visible(piece);
    });
    this.result.replaceChildren(
      result.answer ? words(result.answer, "p", { class: "answer" }) : "",
      el("div", { class: "context card", tabindex: "0", role: "region", "aria-label": "Context" }, result.context ? pieces : empty("The memory holds nothing on this. ", link("/pages", "See what it holds."))),
      result.citations.length ? el("details", { open: result.citations.length <= 8 }, el("summary", {}, plural(result.citations.length, "citation")),
        el("ol", {}, result.citations.map((one) => el("li", {}, recordLink(one, words(one.quote.slice(0, 400), "q")))))) : "");
  }
}

/** To the page, at the span, or to the item. */
export function recordLink(record, ...children) {
  if (record.item_id) return link(`/item/${encodeURIComponent(record.item_id)}`, ...children);
  return link(`/page/${encodeURIComponent(record.page_id)}?start=${record.start}&end=${record.end}`, ...children);
}
