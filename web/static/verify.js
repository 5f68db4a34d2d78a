import { $, ask, onSend, say, tokenFromHash } from "/account/account.js";

const token = tokenFromHash();

onSend($("form"), async () => {
  await ask("/api/v1/auth/email/verify/", { body: { token: token || "none" } });
  say("Thank you: it is confirmed.");
  $("form").hidden = true;
});
