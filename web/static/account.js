// What the pages about accounts share.
export const $ = id => document.getElementById(id);

export function say(text) {
  $("says").textContent = text;
}

// The answer's JSON (null when it has none). Throws an Error with a sentence for people.
export async function ask(path, { body, token } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Error("Campus does not answer. Try again.");
  }
  const told = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return told;
  const fault = told?.errors?.[0]?.reason;
  throw new Error(fault || told?.detail || `Something went wrong (${answer.status}).`);
}

// Runs `work` when the form is sent, with its buttons off meanwhile; says what went wrong.
export function onSend(form, work) {
  form.addEventListener("submit", async event => {
    event.preventDefault();
    await busy(form, work);
  });
}

export async function busy(form, work) {
  const buttons = form.querySelectorAll("button");
  buttons.forEach(button => { button.disabled = true; });
  say("");
  try {
    await work();
  } catch (error) {
    say(error.message);
  } finally {
    buttons.forEach(button => { button.disabled = false; });
  }
}

// The token behind the #; it leaves the address bar and the history. A link that is opened on its own page loads it anew.
export function tokenFromHash() {
  addEventListener("hashchange", () => location.reload());
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  return token;
}
