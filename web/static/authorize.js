import { $, ask, busy, onSend, say } from "/account/account.js";

const query = location.search.slice(1);

async function answer(allow, token) {
  const { redirect_to } = await ask("/api/v1/oauth/authorize/", { body: { query, allow }, token });
  return redirect_to;
}

async function allow() {
  const credentials = { email: $("email").value, password: $("password").value };
  const { access_token: token } = await ask("/api/v1/auth/login/", { body: credentials });
  try {
    const address = await answer(true, token);
    await leave(token);
    location.assign(address);
  } catch (error) {
    await leave(token);
    throw error;
  }
}

// This page's own session is over when the client has its code.
async function leave(token) {
  await fetch("/api/v1/auth/logout/", { method: "POST", headers: { Authorization: `Bearer ${token}` } }).catch(() => {});
}

async function refuse() {
  location.assign(await answer(false));
}

async function show() {
  const asked = await ask(`/api/v1/oauth/authorize/?${query}`);
  if (asked.redirect_to) {
    if (new URLSearchParams(query).get("prompt") === "none") {
      location.replace(asked.redirect_to);
      return;
    }
    const address = new URL(asked.redirect_to);
    $("back").href = address.href;
    $("back-host").textContent = address.host || address.protocol;
    $("why").textContent = address.searchParams.get("error_description") || address.searchParams.get("error");
    $("wrong").hidden = false;
    return;
  }
  $("client").textContent = asked.client_name;
  $("owner").textContent = asked.owner_name;
  $("site").textContent = asked.client_website ? ` (${asked.client_website})` : "";
  $("host").textContent = asked.redirect_host;
  for (const scope of asked.scopes) {
    const item = document.createElement("li");
    item.textContent = scope.meaning;
    $("scopes").append(item);
  }
  $("ask").hidden = false;
  $("email").focus();
}

onSend($("form"), allow);
$("cancel").addEventListener("click", () => busy($("form"), refuse));
show().catch(error => say(error.message));
