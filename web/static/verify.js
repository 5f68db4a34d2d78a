import { $, callApi, onSubmit, showMessage, tokenFromHash } from "/account/account.js";

const token = tokenFromHash();

onSubmit($("form"), async () => {
  await callApi("/api/v1/auth/email/verify/", { body: { token: token || "none" } });
  showMessage("Thank you. Your e-mail is confirmed.");
  $("form").hidden = true;
});
