// Counts, growth, what models cost, and the doctor.

import { button, el, empty, plural, svg, words } from "./dom.js";
import { get, state } from "./api.js";
import { attempt } from "./main.js";

export async function healthView(body) {
  const [stats, { days }, { steps }] = await Promise.all([get("stats"), get("growth"), get("costs")]);
  const counted = ["sessions", "pages", "passages", "characters"];
  const found = el("div", { "aria-live": "polite" }, state.owner ? empty("It checks every namespace of the folder, and writes nothing.")
    : empty("The doctor checks the whole folder: it needs the owner's token."));
  const examine = button("Run the doctor", attempt(found, async () => {
    found.replaceChildren(el("p", { class: "dim" }, "Checking …"));
    found.replaceChildren(...report(await get("doctor")));
  }), { class: "primary" });
  body.append(
    el("div", { class: "numbers" }, counted.map((name) => el("div", { class: "card" }, el("b", {}, stats[name].toLocaleString("en")), el("span", {}, name)))),
    stats.waiting ? el("p", { class: "bad" }, `${plural(stats.waiting, "session")} accepted and not filed; the next filing, or POST /v1/sessions/resume, files them.`) : "",
    el("section", { class: "card" }, el("h2", {}, "Growth"), growth(days)),
    el("section", { class: "card" }, el("h2", {}, "Cost of models since the server started"), steps.length ? costs(steps)
      : empty("No model was asked over this server. Without a model, rules answer each step, and nothing is spent.")),
    el("section", { class: "card" }, el("h2", {}, "Doctor"), state.owner ? examine : "", found));
}

function report({ findings, counts, seconds }) {
  const seen = Object.entries(counts).map(([name, number]) => plural(number, name === "entries" ? "entry" : name.replace(/s$/, ""))).join(", ");
  return [el("p", { class: findings.some((one) => one.severity !== "note") ? "bad" : "good" },
    findings.length ? plural(findings.length, "finding") : "Healthy."),
  el("ul", { class: "plain" }, findings.map((one) => el("li", {}, el("span", { class: "tag" }, one.severity), " ", words(one.what), " ", words(one.act, "span", { class: "fix" })))),
  el("p", { class: "dim" }, `${seen}. ${seconds.toFixed(1)} s.`)];
}

function growth(days) {
  if (!days.length) return empty("Nothing was filed yet.");
  if (days.length > 1) return el("div", { class: "plots" }, plot(days, "pages"), plot(days, "items"));
  return el("p", {}, `${plural(days[0].pages, "page")} and ${plural(days[0].items, "version")} of items, all on ${days[0].day}. A second day draws a line.`);
}

/** The sum of a count up to each day, as a line. */
function plot(days, name) {
  let sum = 0;
  const sums = days.map((one) => (sum += one[name]));
  const first = Date.parse(days[0].day);
  const span = Math.max(Date.parse(days.at(-1).day) - first, 1);
  const x = (at) => 6 + (588 * (Date.parse(days[at].day) - first)) / span;
  const y = (value) => 92 - (80 * value) / Math.max(sum, 1);
  const label = `${name}: ${sum.toLocaleString("en")}`;
  return el("figure", {}, el("figcaption", {}, label),
    svg("svg", { viewBox: "0 0 600 100", role: "img", "aria-label": `${label}, from ${days[0].day} to ${days.at(-1).day}`, class: "plot" },
      svg("path", { class: "axis", d: "M6 92H594" }),
      svg("path", { class: "line", d: sums.map((value, at) => `${at ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("") }),
      sums.slice(-60).map((value, at, last) => svg("circle", { r: 2.5, cx: x(days.length - last.length + at), cy: y(value) }, svg("title", {}, `${days[days.length - last.length + at].day}: ${value}`)))),
    el("div", { class: "ends dim" }, el("span", {}, days[0].day), el("span", {}, days.at(-1).day)));
}

function costs(steps) {
  const most = Math.max(...steps.map((one) => one.prompt_tokens + one.completion_tokens), 1);
  const head = ["step", "model", "calls", "tokens in", "out", "seconds", ""];
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cost by step" }, el("table", {}, el("thead", {}, el("tr", {}, head.map((one) => el("th", { scope: "col" }, one || "share")))),
    el("tbody", {}, steps.map((one) => el("tr", {}, words(one.step, "th", { scope: "row" }), words(one.model, "td"),
      [one.calls, one.prompt_tokens, one.completion_tokens].map((number) => el("td", { class: "number" }, number.toLocaleString("en"))),
      el("td", { class: "number" }, one.seconds.toFixed(1)),
      el("td", {}, svg("svg", { viewBox: "0 0 100 8", class: "bar", "aria-hidden": "true" },
        svg("rect", { width: (100 * (one.prompt_tokens + one.completion_tokens)) / most, height: 8, rx: 2 }))))))));
}
