import { $, callApi, onSubmit, showMessage, tokenFromHash } from "/account/account.js";

const token = tokenFromHash();
const form = token ? $("reset") : $("forgotten");
form.hidden = false;
form.querySelector("input").focus();

onSubmit(form, async () => {
  if (token) {
    await callApi("/api/v1/auth/password/reset/confirm/", { body: { token, new_password: $("password").value } });
    showMessage("Your password has been changed. Sign in with the new password.");
  } else {
    await callApi("/api/v1/auth/password/reset/", { body: { email: $("email").value } });
    showMessage("If an account with this e-mail exists, we have sent it a link.");
  }
  form.hidden = true;
});
