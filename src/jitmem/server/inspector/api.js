// Requests to /v1 of the server that gave this page, wherever it is mounted. The cookie is HttpOnly; writes send its token.

export const state = { csrf: null, namespace: null, owner: false, readOnly: false, runs: [] };

export class Refusal extends Error {
  constructor(status, form) {
    super(form.message);
    Object.assign(this, { status, kind: form.kind, fix: form.fix });
  }
}

function address(path, query) {
  const url = new URL(path, document.baseURI.split("#")[0]);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") url.searchParams.append(name, one);
  }
  return url;
}

async function send(method, path, query, body, signal) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (state.csrf) headers["X-CSRF-Token"] = state.csrf;
  const namespaced = path.startsWith("v1/") && state.owner && state.namespace ? { namespace: state.namespace } : {};
  let response;
  try {
    response = await fetch(address(path, { ...query, ...namespaced }), {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { kind: "Unreachable", message: "The server does not answer.", fix: "Start `jitmem ui` again." });
  }
  if (!response.ok) {
    const form = await response.json().catch(() => ({ kind: "HttpError", message: response.statusText, fix: "" }));
    throw new Refusal(response.status, form);
  }
  return response;
}

export async function call(method, path, { query = {}, body } = {}) {
  const response = await send(method, path, query, body);
  return response.status === 204 ? null : response.json();
}

export const get = (path, query) => call("GET", `v1/${path}`, { query });
export const post = (path, body) => call("POST", `v1/${path}`, { body });
export const patch = (path, body) => call("PATCH", `v1/${path}`, { body });
export const remove = (path) => call("DELETE", `v1/${path}`);

/** Server-sent events of a POST, one by one. */
export async function* stream(path, body, signal) {
  const response = await send("POST", `v1/${path}`, {}, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (waiting + value).split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      const name = block.split("\n").find((line) => line.startsWith("event: "));
      if (data) yield { name: name.slice(7), data: JSON.parse(data.slice(6)) };
    }
  }
}

export async function signIn(secret) {
  const { csrf } = await call("POST", "signin", { body: { secret } });
  state.csrf = csrf;
}

export async function whoAmI() {
  const caller = await get("caller");
  Object.assign(state, { csrf: caller.csrf, namespace: caller.namespace, owner: caller.owner, readOnly: caller.read_only });
}
