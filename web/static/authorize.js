import { $, callApi, onSubmit, runWithFormDisabled, showMessage } from "/account/account.js";

const query = location.search.slice(1);

async function sendDecision(allow, token) {
  const { redirect_to } = await callApi("/api/v1/oauth/authorize/", { body: { query, allow }, token });
  return redirect_to;
}

async function allow() {
  const credentials = { email: $("email").value, password: $("password").value };
  const device = localStorage.getItem("device_token");
  const { access_token: token, device_token } = await callApi("/api/v1/auth/login/", { body: credentials, device });
  localStorage.setItem("device_token", device_token); // so that an attack on the account does not lock this browser out
  try {
    const address = await sendDecision(true, token);
    await signOut(token);
    location.assign(address);
  } catch (error) {
    await signOut(token);
    throw error;
  }
}

// Ends the session of this page. It is not needed once the client has its authorization code.
async function signOut(token) {
  await fetch("/api/v1/auth/logout/", { method: "POST", headers: { Authorization: `Bearer ${token}` } }).catch(() => {});
}

async function refuse() {
  location.assign(await sendDecision(false));
}

async function show() {
  const request = await callApi(`/api/v1/oauth/authorize/?${query}`);
  if (request.redirect_to) {
    const address = new URL(request.redirect_to);
    $("back").href = address.href;
    $("back-host").textContent = address.host || address.protocol;
    $("reason").textContent = address.searchParams.get("error_description") || address.searchParams.get("error");
    $("invalid").hidden = false;
    return;
  }
  $("client").textContent = request.client_name;
  $("owner").textContent = request.owner_name;
  $("site").textContent = request.client_website ? ` (${request.client_website})` : "";
  $("host").textContent = request.redirect_host;
  for (const scope of request.scopes) {
    const item = document.createElement("li");
    item.textContent = scope.meaning;
    $("scopes").append(item);
  }
  $("consent").hidden = false;
  $("email").focus();
}

onSubmit($("form"), allow);
$("cancel").addEventListener("click", () => runWithFormDisabled($("form"), refuse));
show().catch(error => showMessage(error.message));
