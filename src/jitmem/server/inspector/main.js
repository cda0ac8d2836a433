// Which view the address names, signing in, and the keys.

import { button, el, field, say, words } from "./dom.js";
import { call, signIn, state, whoAmI } from "./api.js";
import { askView } from "./ask.js";
import { pageView, timelineView } from "./timeline.js";
import { itemView, itemsView } from "./items.js";
import { forgetView } from "./forget.js";
import { namespacesView } from "./namespaces.js";
import { healthView } from "./health.js";

const VIEWS = [
  ["ask", "Ask", askView],
  ["pages", "Pages", timelineView],
  ["items", "Items", itemsView],
  ["forget", "Forget", forgetView],
  ["namespaces", "Namespaces", namespacesView],
  ["health", "Health", healthView],
];
const DETAILS = { page: ["pages", "Page", pageView], item: ["items", "Item", itemView] };
const main = document.getElementById("main");
let leave = null;

/** `#/page/ID?start=3` → ["page", "ID", {start: "3"}] */
function place() {
  const [path, query] = (location.hash.replace(/^#\/?/, "") || "ask").split("?");
  const [name, id] = path.split("/");
  return [name, id && decodeURIComponent(id), Object.fromEntries(new URLSearchParams(query))];
}

async function show() {
  const [name, id, query] = place();
  const found = VIEWS.find(([key]) => key === name);
  const [tab, title, view] = found ? [name, found[1], found[2]] : DETAILS[name] ?? ["ask", "Ask", askView];
  leave?.();
  leave = null;
  for (const one of document.querySelectorAll("#views a")) {
    if (one.dataset.view === tab) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  document.title = `${title} · jitmem`;
  const body = el("div", { class: "view" });
  main.replaceChildren(el("h1", { tabindex: "-1" }, title), body);
  try {
    leave = (await view(body, id, query)) ?? null;
  } catch (error) {
    refuse(body, error);
  }
  if (!body.contains(document.activeElement)) main.querySelector("h1")?.focus({ preventScroll: Boolean(query.start) });
}

/** Show what was wrong, and what would be right. */
export function refuse(where, error) {
  if (error.name === "AbortError") return;
  if (error.status === 401) return signInView();
  if (!error.kind) console.error(error);
  where.querySelector(":scope > .refusal")?.remove();
  where.prepend(el("div", { class: "refusal", role: "alert" },
    el("strong", {}, `${error.kind ?? "Error"}. `), words(error.message), " ", words(error.fix ?? "", "span", { class: "fix" })));
  where.firstChild.scrollIntoView({ block: "nearest" });
}

/** A listener whose failure is shown in a part of the page. */
export function attempt(where, act) {
  return async (event) => {
    event?.preventDefault?.();
    where.querySelector(":scope > .refusal")?.remove();
    try {
      await act(event);
    } catch (error) {
      refuse(where, error);
    }
  };
}

export const reload = show;

function signInView() {
  const secret = el("input", { type: "password", autocomplete: "off", required: true, name: "secret" });
  const form = el("form", { class: "card narrow" },
    el("p", {}, "Paste a token of this server, or open the link that ", el("code", {}, "jitmem ui"), " printed. A link works once."),
    field("Token", secret), el("button", { class: "primary" }, "Sign in"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await signIn(secret.value.trim());
      await start();
    } catch (error) {
      form.querySelector(".refusal")?.remove();
      form.prepend(el("div", { class: "refusal", role: "alert" }, error.message, " ", error.fix ?? ""));
    }
  });
  document.getElementById("views").replaceChildren();
  main.replaceChildren(el("h1", { tabindex: "-1" }, "Sign in"), form);
  secret.focus();
}

function frame() {
  document.getElementById("views").replaceChildren(...VIEWS.map(([name, label], at) =>
    el("a", { href: `#/${name}`, "data-view": name, title: `key ${at + 1}` }, label)));
  document.getElementById("whose").replaceChildren(
    words(state.namespace, "span", { class: "tag", title: "the namespace" }),
    state.readOnly ? el("span", { class: "tag" }, "read-only") : "",
    button("Sign out", async () => {
      await call("POST", "signout");
      state.csrf = null;
      signInView();
    }, { class: "quiet" }));
}

export async function switchNamespace(name) {
  state.namespace = name;
  state.runs.length = 0;
  frame();
  await show();
  say(`Namespace ${name}`);
}

async function start() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) {
    history.replaceState(null, "", `${location.pathname}#/ask`); // out of the address, before anything else
    await signIn(code).catch(() => null); // an earlier cookie may still be good
  }
  try {
    await whoAmI();
  } catch (error) {
    return error.status === 401 ? signInView() : refuse(main, error);
  }
  frame();
  await show();
}

addEventListener("hashchange", () => {
  say("");
  return show();
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const view = VIEWS[Number(event.key) - 1];
  if (view && state.namespace) location.hash = `/${view[0]}`;
  if (event.key === "/") {
    event.preventDefault();
    main.querySelector("textarea, input:not([type=hidden])")?.focus();
  }
});
await start();
