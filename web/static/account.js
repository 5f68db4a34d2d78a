// Functions shared by the account pages.
export const $ = id => document.getElementById(id);

export function showMessage(text) {
  $("message").textContent = text;
}

// Calls the API and returns the JSON of the response, or null if there is none. Throws an Error whose message is shown
// to the user.
export async function callApi(path, { body, token, device } = {}) {
  const headers = { Accept: "application/json" };
  if (device) headers["Device-Token"] = device;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Error("Campus cannot be reached. Check your connection and try again.");
  }
  const data = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return data;
  const reason = data?.errors?.[0]?.reason;
  throw new Error(reason || data?.detail || `The request failed with the status code ${response.status}.`);
}

// Calls `work` when the form is submitted. See `runWithFormDisabled`.
export function onSubmit(form, work) {
  form.addEventListener("submit", async event => {
    event.preventDefault();
    await runWithFormDisabled(form, work);
  });
}

// Calls `work` with the buttons of the form disabled, and shows the message of an error.
export async function runWithFormDisabled(form, work) {
  const buttons = form.querySelectorAll("button");
  buttons.forEach(button => { button.disabled = true; });
  showMessage("");
  try {
    await work();
  } catch (error) {
    showMessage(error.message);
  } finally {
    buttons.forEach(button => { button.disabled = false; });
  }
}

// Returns the token from the URL fragment (`#token=…`) and removes it from the address bar and the history. If another
// such link is opened while the page is shown, the page reloads to read the new token.
export function tokenFromHash() {
  addEventListener("hashchange", () => location.reload());
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  return token;
}
