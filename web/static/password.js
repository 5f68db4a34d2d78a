import { $, ask, onSend, say, tokenFromHash } from "/account/account.js";

const token = tokenFromHash();
const form = token ? $("reset") : $("forgotten");
form.hidden = false;
form.querySelector("input").focus();

onSend(form, async () => {
  if (token) {
    await ask("/api/v1/auth/password/reset/confirm/", { body: { token, new_password: $("password").value } });
    say("It is set. Sign in with it.");
  } else {
    await ask("/api/v1/auth/password/reset/", { body: { email: $("email").value } });
    say("If there is an account of this e-mail, a mail is on its way.");
  }
  form.hidden = true;
});
